//! Media in a user's message that somebody else may own.

use std::borrow::Cow;

use bytes::Bytes;
use conversation_state::references_of;
use conversation_types::{Message, Part};
use media_types::{MediaContent, MediaSource, ProviderFile, StorageReference};

/// Media that a message names by an id, which is no permission to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ForeignSource {
    /// A file at a model provider, which under the operator's key may be another user's.
    ProviderFile(ProviderFile),
    /// Media in a store, which may be another conversation's.
    Reference(StorageReference),
}

/// Returns what a message names by ids: a policy has to allow each, or the message is refused.
///
/// The number is the position of the media part, or the number of parts for a reference that
/// stands anywhere else. References to media that was received in this turn are among them.
pub(crate) fn foreign_sources(message: &Message) -> Vec<(usize, ForeignSource)> {
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
