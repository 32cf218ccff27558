//! Media in a user's message that somebody else may own.

use std::borrow::Cow;

use bytes::Bytes;
use conversation_state::references_of;
use conversation_types::{Message, Part};
use media_types::{MediaContent, MediaSource, ProviderFile, StorageReference};

/// Media that a message names by an id, which is no permission to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ForeignSource {
    /// A file at a model provider, which under the operator's key may be another user's.
    ProviderFile(ProviderFile),
    /// Media in a store, which may be another conversation's.
    Reference(StorageReference),
}

/// Returns what a message names by ids: a policy has to allow each, or the message is refused.
///
/// The number is the position of the media part, or the number of parts for a reference that
/// stands anywhere else. References to media that was received in this turn are among them.
pub fn foreign_sources(message: &Message) -> Vec<(usize, ForeignSource)> {
    let mut found = Vec::new();
    for (index, part) in message.content.iter().enumerate() {
        let source = match part.as_media().map(MediaContent::source) {
            Some(MediaSource::ProviderFile(file)) => ForeignSource::ProviderFile(file.clone()),
            Some(MediaSource::Stored(reference)) => ForeignSource::Reference(reference.clone()),
            _ => continue,
        };
        found.push((index, source));
    }
    // Whatever else the state would take for a reference of this conversation.
    let elsewhere = references_of(&without_sources(message));
    found.extend(elsewhere.into_iter().filter_map(|key| {
        let mut reference = StorageReference::builder(key.backend, key.id);
        if let Some(store) = key.store {
            reference = reference.with_store_name(store);
        }
        let reference = reference.build().ok()?;
        Some((message.content.len(), ForeignSource::Reference(reference)))
    }));
    found
}

/// The message without the references of its media parts.
fn without_sources(message: &Message) -> Cow<'_, Message> {
    let is_stored = |part: &Part| {
        part.as_media()
            .is_some_and(|media| media.reference().is_some())
    };
    if !message.content.iter().any(is_stored) {
        return Cow::Borrowed(message);
    }
    let mut message = message.clone();
    for part in message.content.iter_mut().filter(|part| is_stored(part)) {
        if let Some(media) = part.as_media_mut() {
            *media = media.clone().with_source(MediaSource::Inline(Bytes::new()));
        }
    }
    Cow::Owned(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_types::Mime;
    use serde_json::json;

    #[test]
    fn everything_that_is_named_by_an_id_is_found() {
        let reference = StorageReference::builder("file", "a/b.png")
            .build()
            .unwrap();
        let file = ProviderFile::new("openai", "file-1").unwrap();
        let stored = MediaContent::from_reference(Mime::IMAGE_PNG, reference.clone());
        let mut parts: Vec<Part> = vec![
            "words".into(),
            stored.clone().into(),
            MediaContent::new(
                Mime::APPLICATION_PDF,
                MediaSource::ProviderFile(file.clone()),
            )
            .into(),
            MediaContent::from_bytes(Mime::IMAGE_PNG, "bytes").into(),
        ];
        let message = Message::user(parts.clone());
        let reference = ForeignSource::Reference(reference);
        let of_media = [
            (1, reference.clone()),
            (2, ForeignSource::ProviderFile(file)),
        ];
        assert_eq!(foreign_sources(&message), of_media);
        // The same reference elsewhere is found once more.
        let hidden = json!({"x": [serde_json::to_value(&stored).unwrap()]});
        parts.push(serde_json::from_value(hidden).unwrap());
        let found = foreign_sources(&Message::user(parts));
        assert_eq!(found[..2], of_media);
        assert_eq!(found[2..], [(5, reference)]);
    }
}
