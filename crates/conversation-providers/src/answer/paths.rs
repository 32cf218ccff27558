//! The paths to media in the answers of each API.

use super::path::JsonPath;
use super::path::Step::{DataUri, Each, Key};
use crate::format::ApiFormat;

/// Returns the paths to media, in complete answers and in the events of streamed ones.
pub(crate) fn media_paths(format: ApiFormat) -> &'static [JsonPath] {
    match format {
        ApiFormat::OpenAiChat => CHAT,
        ApiFormat::OpenAiResponses => RESPONSES,
        ApiFormat::GeminiContents => GEMINI,
        ApiFormat::AnthropicMessages => &[],
    }
}

const CHAT: &[JsonPath] = &[
    &[
        Key("choices"),
        Each,
        Key("message"),
        Key("audio"),
        Key("data"),
    ],
    // Images beside the text, or among its parts, as gateways give them.
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
    &[
        Key("choices"),
        Each,
        Key("message"),
        Key("content"),
        Each,
        Key("image_url"),
        DataUri("url"),
    ],
    &[
        Key("choices"),
        Each,
        Key("delta"),
        Key("content"),
        Each,
        Key("image_url"),
        DataUri("url"),
    ],
];

const RESPONSES: &[JsonPath] = &[
    &[Key("output"), Each, Key("result")],
    &[Key("response"), Key("output"), Each, Key("result")],
    &[Key("item"), Key("result")],
    &[Key("partial_image_b64")],
];

const GEMINI: &[JsonPath] = &[
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
