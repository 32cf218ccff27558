//! An answer as JSON and media.

use std::fmt;

use media_types::{MediaContent, Mime};
use serde_json::{Map, Value};

use super::decoded::Decoded;
use super::error::DecodeError;
use super::extractor::extracted_media;
use super::path::{JsonPath, Step};
use super::repair::parse_tolerant;
use crate::error::{ProviderError, ProviderErrorKind};

/// An answer, or one event of it, without the text of its media.
pub struct Answer {
    json: Value,
    media: Vec<(String, MediaContent)>,
}

impl Answer {
    /// Returns the JSON; in the place of each media item there is `null`.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// Returns the media items with the JSON pointers (RFC 6901) of their places. Media without
    /// bytes is left out.
    pub fn media(&self) -> impl Iterator<Item = (&str, &MediaContent)> {
        self.media
            .iter()
            .map(|(pointer, content)| (pointer.as_str(), content))
    }

    /// Returns the media item at a JSON pointer.
    pub fn media_at(&self, pointer: &str) -> Option<&MediaContent> {
        self.media()
            .find_map(|(place, content)| (place == pointer).then_some(content))
    }

    /// Returns the JSON and the media.
    pub fn into_parts(self) -> (Value, Vec<(String, MediaContent)>) {
        (self.json, self.media)
    }

    pub(super) async fn read(
        mut decoded: Decoded,
        paths: &[JsonPath],
        declared: &Mime,
        provider: &str,
    ) -> Result<Self, ProviderError> {
        let mut json: Value = parse_tolerant(&mut decoded.json).map_err(|error| {
            ProviderError::new(ProviderErrorKind::InvalidResponse, provider)
                .with_reason("the response is not JSON")
                .with_source(error)
        })?;
        let mut found = Vec::new();
        for path in paths {
            collect(&mut json, path, None, &mut String::new(), &mut found);
        }
        let mut media = Vec::with_capacity(found.len());
        for Found {
            pointer,
            number,
            mime,
        } in found
        {
            if let Some(writer) = decoded.take_media(&number) {
                let content = writer.finish(mime.as_ref().unwrap_or(declared)).await;
                let content =
                    content.map_err(|error| DecodeError::Sink(error).into_error(provider))?;
                media.push((pointer, content));
            }
        }
        Ok(Self { json, media })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Text of a model does not belong into logs.
        f.debug_struct("Answer")
            .field("media", &self.media)
            .finish_non_exhaustive()
    }
}

struct Found {
    pointer: String,
    number: String,
    mime: Option<Mime>,
}

/// Takes the numbers out of a path, with the types that stand beside them.
fn collect(
    value: &mut Value,
    steps: &[Step],
    mime: Option<Mime>,
    pointer: &mut String,
    found: &mut Vec<Found>,
) {
    let len = pointer.len();
    match (steps.split_first(), value) {
        (None, value) => {
            if let Value::String(number) = value {
                found.push(Found {
                    pointer: pointer.clone(),
                    number: std::mem::take(number),
                    mime,
                });
                *value = Value::Null;
            }
        }
        (Some((Step::DataUri(name), _)), Value::Object(entries)) => {
            let Some(value) = entries.get_mut(*name) else {
                return;
            };
            if let Some((number, mime)) = value.as_str().and_then(extracted_media) {
                found.push(Found {
                    pointer: format!("{pointer}/{name}"),
                    number: number.to_owned(),
                    mime,
                });
                *value = Value::Null;
            }
        }
        (Some((Step::Key(name), rest)), Value::Object(entries)) => {
            let mime = type_beside(entries);
            if let Some(value) = entries.get_mut(*name) {
                // No name of a path has a character that a pointer escapes.
                pointer.push('/');
                pointer.push_str(name);
                collect(value, rest, mime, pointer, found);
            }
        }
        (Some((Step::Each, rest)), Value::Array(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                pointer.push('/');
                pointer.push_str(&index.to_string());
                collect(item, rest, None, pointer, found);
                pointer.truncate(len);
            }
        }
        _ => {}
    }
    pointer.truncate(len);
}

fn type_beside(entries: &Map<String, Value>) -> Option<Mime> {
    let text = |name: &str| entries.get(name).and_then(Value::as_str);
    let named = text("mimeType").or_else(|| text("mime_type"));
    let format = || text("output_format").and_then(Mime::from_extension);
    named.and_then(|name| name.parse().ok()).or_else(format)
}
