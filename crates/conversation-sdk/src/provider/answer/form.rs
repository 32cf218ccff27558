//! Where the answers of each API have media.

use super::place::Place;
use super::place::Step::{DataUri, Each, Key};
use crate::provider::wire::WireForm;

/// In whole answers, and in the events of streamed ones.
pub(crate) fn places(form: WireForm) -> &'static [Place] {
    match form {
        WireForm::OpenAiChat => CHAT,
        WireForm::OpenAiResponses => RESPONSES,
        WireForm::GeminiContents => GEMINI,
        WireForm::AnthropicMessages => &[],
    }
}

const CHAT: &[Place] = &[
    &[
        Key("choices"),
        Each,
        Key("message"),
        Key("audio"),
        Key("data"),
    ],
    // Pictures beside the words, as gateways give them.
    &[
        Key("choices"),
        Each,
        Key("message"),
        Key("images"),
        Each,
        Key("image_url"),
        DataUri("url"),
    ],
    &[
        Key("choices"),
        Each,
        Key("delta"),
        Key("images"),
        Each,
        Key("image_url"),
        DataUri("url"),
    ],
];

const RESPONSES: &[Place] = &[
    &[Key("output"), Each, Key("result")],
    &[Key("response"), Key("output"), Each, Key("result")],
    &[Key("item"), Key("result")],
    &[Key("partial_image_b64")],
];

const GEMINI: &[Place] = &[
    &[
        Key("candidates"),
        Each,
        Key("content"),
        Key("parts"),
        Each,
        Key("inlineData"),
        Key("data"),
    ],
    // As proto3 also allows it to be written.
    &[
        Key("candidates"),
        Each,
        Key("content"),
        Key("parts"),
        Each,
        Key("inline_data"),
        Key("data"),
    ],
    // Streams that are not asked for as events are one array.
    &[
        Each,
        Key("candidates"),
        Each,
        Key("content"),
        Key("parts"),
        Each,
        Key("inlineData"),
        Key("data"),
    ],
];
