//! Which media of messages is to be externalized, and putting references in its place.

use media_types::{MediaContent, MediaSource, StorageReference};

use super::nested;
use crate::message::{Message, Part};

/// Where media is: message, part, and which media object of a part that is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) message: usize,
    pub(super) part: usize,
    pub(super) nested: Option<usize>,
}

/// Media that is to be externalized.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) place: Place,
    pub(super) content: MediaContent,
}

/// Inline media of at least `threshold` bytes, and media in files. References, addresses and files
/// at a provider stay.
fn is_wanted(content: &MediaContent, threshold: u64) -> bool {
    match content.source() {
        MediaSource::Inline(bytes) => bytes.len() as u64 >= threshold,
        MediaSource::File(_) => true,
        _ => false,
    }
}

/// The media of the chosen messages that is to be externalized.
pub(super) fn scan(
    messages: &[Message],
    threshold: u64,
    choose: impl Fn(&Message) -> bool,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (message, content) in messages.iter().enumerate() {
        if !choose(content) {
            continue;
        }
        for (part, content) in content.content.iter().enumerate() {
            let place = Place {
                message,
                part,
                nested: None,
            };
            match content {
                Part::Media(content) if is_wanted(content, threshold) => found.push(Candidate {
                    place,
                    content: content.clone(),
                }),
                Part::Unreadable(json) => {
                    let mut ordinal = 0;
                    nested::rewrite(json.json(), &mut |content| {
                        if is_wanted(&content, threshold) {
                            let nested = Some(ordinal);
                            found.push(Candidate {
                                place: Place { nested, ..place },
                                content,
                            });
                        }
                        ordinal += 1;
                        None
                    });
                }
                _ => {}
            }
        }
    }
    found
}

/// Puts references in the place of media. Every other field of the content stays.
pub(super) fn apply(messages: &mut [Message], stored: &[(Place, StorageReference)]) {
    for (place, reference) in stored {
        let part = messages
            .get_mut(place.message)
            .and_then(|message| message.content.get_mut(place.part));
        match part {
            Some(Part::Media(content)) => {
                let source = MediaSource::Stored(reference.clone());
                *content = content.clone().with_source(source);
            }
            // All references of such a part are put in at once, when its first one comes by.
            Some(Part::Unreadable(json)) => {
                let of_part =
                    |other: &Place| (other.message, other.part) == (place.message, place.part);
                let mut ordinal = 0;
                let new = nested::rewrite(json.json(), &mut |content| {
                    let reference = stored
                        .iter()
                        .find(|(other, _)| of_part(other) && other.nested == Some(ordinal));
                    ordinal += 1;
                    let (_, reference) = reference?;
                    Some(content.with_source(MediaSource::Stored(reference.clone())))
                });
                let is_first = stored
                    .iter()
                    .find(|(other, _)| of_part(other))
                    .is_some_and(|(first, _)| first == place);
                if let Some(new) = new.filter(|_| is_first)
                    && let Ok(new) = json.clone().with_json(new)
                {
                    *json = new;
                }
            }
            _ => {}
        }
    }
}
