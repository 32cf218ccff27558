//! What a conversation holds, in figures.

use bytes::Bytes;
use conversation_sdk::{Message, Part};
use media_types::{MediaContent, MediaSource, StorageReference};

use crate::sizes::{count, human};

/// How large the state of a conversation is, and how large it would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSize {
    /// Bytes of JSON as it is kept.
    pub kept: u64,
    /// Bytes of JSON if all media were in it as base64.
    pub inline: u64,
    /// Media that is kept as a reference.
    pub references: u64,
    /// Media that is kept as base64.
    pub embedded: u64,
}

impl StateSize {
    /// Measures messages without loading any media.
    #[must_use]
    pub fn of(messages: &[Message]) -> Self {
        messages.iter().fold(Self::default(), |mut sum, message| {
            let kept = json_length(message);
            sum.kept += kept;
            sum.inline += kept;
            for content in message.media() {
                match content.source() {
                    MediaSource::Stored(reference) => {
                        sum.references += 1;
                        sum.inline = (sum.inline + inline_length(content, reference))
                            .saturating_sub(json_length(content));
                    }
                    MediaSource::Inline(_) => sum.embedded += 1,
                    _ => {}
                }
            }
            sum
        })
    }
}

impl std::fmt::Display for StateSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kept, inline) = (human(self.kept), human(self.inline));
        let embedded = count(self.embedded, "media item");
        match (self.references, self.embedded) {
            (0, 0) => write!(f, "state: {kept}"),
            (0, _) => write!(f, "state: {kept} with {embedded} inline"),
            (_, 0) => write!(f, "state: {kept} with references, would be {inline} inline"),
            _ => write!(
                f,
                "state: {kept} with references and {embedded} inline, would be {inline} with all inline"
            ),
        }
    }
}

/// The length of content if its bytes were in it.
fn inline_length(content: &MediaContent, reference: &StorageReference) -> u64 {
    let empty = content
        .clone()
        .with_source(MediaSource::Inline(Bytes::new()));
    let base64 = reference.size().unwrap_or(0).div_ceil(3) * 4;
    json_length(&empty) + base64
}

fn json_length(value: &impl serde::Serialize) -> u64 {
    serde_json::to_vec(value).map_or(0, |json| json.len() as u64)
}

/// The stored media in these messages, in order.
pub fn stored(messages: &[Message]) -> impl Iterator<Item = &StorageReference> {
    messages
        .iter()
        .flat_map(|message| &message.content)
        .filter_map(|part| match part {
            Part::Media(content) => content.reference(),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use conversation_sdk::Role;
    use media_types::Mime;

    use super::*;

    #[test]
    fn the_inline_size_is_that_of_the_same_messages_with_base64() {
        let bytes = vec![9_u8; 200_001];
        let inline = MediaContent::from_bytes(Mime::IMAGE_PNG, bytes).with_caption("a \"image\"");
        let reference = StorageReference::builder("file", "s/c/x.png")
            .with_size(200_001)
            .build()
            .unwrap();
        let stored = inline.clone().with_source(MediaSource::Stored(reference));
        let message = |content: &MediaContent| {
            vec![Message::new(
                Role::User,
                vec![Part::text("see"), Part::Media(content.clone())],
            )]
        };
        let (before, after) = (
            StateSize::of(&message(&inline)),
            StateSize::of(&message(&stored)),
        );
        assert_eq!(
            (
                before.embedded,
                before.references,
                after.embedded,
                after.references
            ),
            (1, 0, 0, 1)
        );
        assert_eq!(before.kept, before.inline);
        assert_eq!(after.inline, before.inline);
        assert!(after.kept < 1000, "{after:?}");
        assert!(after.to_string().contains("would be 266."), "{after}");
    }
}
