//! An answer that was read.

use std::fmt;

use media_types::{MediaContent, Mime};
use serde_json::{Map, Value};

use super::intake::{IntakeError, Taken};
use super::place::{Place, Step};
use super::sieve::number_of;
use crate::provider::{ProviderError, ProviderErrorKind};

/// An answer, or one event of it, without the text of its media.
pub struct Answer {
    json: Value,
    media: Vec<(String, MediaContent)>,
}

impl Answer {
    /// The JSON; in the place of each medium there is `null`.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// The media with the JSON pointers (RFC 6901) of their places, in the order of the places.
    /// Media without bytes is left out.
    pub fn media(&self) -> impl Iterator<Item = (&str, &MediaContent)> {
        self.media
            .iter()
            .map(|(pointer, content)| (pointer.as_str(), content))
    }

    /// The medium at a JSON pointer.
    pub fn media_at(&self, pointer: &str) -> Option<&MediaContent> {
        self.media()
            .find_map(|(place, content)| (place == pointer).then_some(content))
    }

    /// The JSON and the media.
    pub fn into_parts(self) -> (Value, Vec<(String, MediaContent)>) {
        (self.json, self.media)
    }

    pub(super) async fn read(
        mut taken: Taken,
        places: &[Place],
        declared: &Mime,
        provider: &'static str,
    ) -> Result<Self, ProviderError> {
        let mut json: Value = serde_json::from_slice(&taken.json).map_err(|error| {
            ProviderError::new(ProviderErrorKind::InvalidResponse, provider)
                .with_message("the answer is not JSON")
                .with_source(error)
        })?;
        let mut found = Vec::new();
        for place in places {
            collect(&mut json, place, None, &mut String::new(), &mut found);
        }
        let mut media = Vec::with_capacity(found.len());
        for Found {
            pointer,
            number,
            mime,
        } in found
        {
            if let Some(incoming) = taken.media(&number) {
                let content = incoming.finish(mime.as_ref().unwrap_or(declared)).await;
                let content =
                    content.map_err(|error| IntakeError::Receive(error).into_error(provider))?;
                media.push((pointer, content));
            }
        }
        Ok(Self { json, media })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a model says is nothing for a log.
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

/// Takes the numbers out of a place, with the types that stand beside them.
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
            if let Some((number, mime)) = value.as_str().and_then(number_of) {
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
                // No name of a place has a character that a pointer escapes.
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
