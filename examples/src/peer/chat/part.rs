//! Parts of messages: text and media.

use serde_json::Value;

use crate::peer::attachment::Attachment;
use crate::peer::documents::Document;
use crate::peer::photos::Photo;
use crate::peer::recordings::Recording;
use crate::peer::refusal::Refusal;

/// The author of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
    Tool,
}

/// A part of a message.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Media(Attachment),
}

impl<'a> Part<'a> {
    /// Reads a part of a message of `role`; `place` names it in errors.
    pub(super) fn read(part: &'a Value, role: Role, place: &str) -> Result<Self, Refusal> {
        match part.get("type").and_then(Value::as_str) {
            Some("text") => part
                .get("text")
                .and_then(Value::as_str)
                .map(Self::Text)
                .ok_or_else(|| Refusal::wrong_value(format!("{place}.text"), "a string")),
            Some("image_url") if role == Role::User => {
                let url = part.pointer("/image_url/url").and_then(Value::as_str);
                let url = url.ok_or_else(|| {
                    Refusal::wrong_value(format!("{place}.image_url"), "an object with a 'url'")
                })?;
                Ok(Self::Media(Attachment::Photo(Photo::from_url(url, place)?)))
            }
            Some("file") if role == Role::User => {
                let document = Document::from_file(part.get("file"), place)?;
                Ok(Self::Media(Attachment::Document(document)))
            }
            Some("input_audio") if role == Role::User => {
                let recording = Recording::from_input_audio(part.get("input_audio"), place)?;
                Ok(Self::Media(Attachment::Recording(recording)))
            }
            Some("image_url") => {
                let message = "Invalid content type. image_url is only supported by certain models and in user \
                               messages.";
                Err(Refusal::invalid(message).with_param(place))
            }
            _ => Err(Refusal::wrong_value(
                format!("{place}.type"),
                "a type of part that this role may use",
            )),
        }
    }
}
