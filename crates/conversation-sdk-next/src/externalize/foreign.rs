//! Media in a user's message that somebody else may own.

use conversation_types::{Message, Part};
use media_types::{MediaContent, MediaSource, ProviderFile, StorageReference};

use super::references::{nested_media, of_part};

/// Media that a message names by an id, which is no permission to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ForeignSource {
    /// A file at a model provider, which under the operator's key may be another user's.
    ProviderFile(ProviderFile),
    /// Media in a store, which may be another conversation's.
    Reference(StorageReference),
}

/// Returns what a message names by ids, with the position of its part: a policy has to allow each,
/// or the message is refused. References to media that was received in this turn are among them.
pub(crate) fn foreign_sources(message: &Message) -> Vec<(usize, ForeignSource)> {
    let mut found = Vec::new();
    for (index, part) in message.content.iter().enumerate() {
        let mut file = |content: &MediaContent| {
            if let MediaSource::ProviderFile(file) = content.source() {
                found.push((index, ForeignSource::ProviderFile(file.clone())));
            }
        };
        match part {
            Part::Media(content) => file(content),
            Part::Unknown(unknown) => nested_media(unknown.json().get()).iter().for_each(file),
            _ => {}
        }
        of_part(part, &mut |reference| {
            found.push((index, ForeignSource::Reference(reference.clone())));
        });
    }
    found
}
