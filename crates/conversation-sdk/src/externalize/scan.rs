//! Which media of messages is to be externalized, and putting references in its place.

use media_types::{MediaContent, MediaSource};

use super::nested;
use crate::message::{Message, Part};
use crate::receive::{ReceivedMedia, Spool};

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
    /// The bytes, where they were received in this turn.
    pub(super) spool: Option<Spool>,
}

/// Which media is to be externalized.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) threshold: u64,
    pub(super) received: Option<&'a ReceivedMedia>,
}

impl Wanted<'_> {
    /// Inline media of at least the threshold, media in files, and media that the turn received.
    /// References, addresses and files at a provider stay.
    fn candidate(self, place: Place, content: &MediaContent) -> Option<Candidate> {
        let spool = self.received.and_then(|received| received.spool(content));
        let is_wanted = match content.source() {
            MediaSource::Inline(bytes) => bytes.len() as u64 >= self.threshold,
            MediaSource::File(_) => true,
            _ => spool.is_some(),
        };
        is_wanted.then(|| Candidate {
            place,
            content: content.clone(),
            spool,
        })
    }
}

/// The media of the chosen messages that is to be externalized, and received media of all.
pub(super) fn scan(
    messages: &[Message],
    wanted: Wanted<'_>,
    choose: impl Fn(&Message) -> bool,
) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (message, content) in messages.iter().enumerate() {
        // Received media is gone after the turn, wherever it is.
        let is_chosen = choose(content);
        let wanted = |place, content: &MediaContent| {
            let candidate = wanted.candidate(place, content)?;
            (is_chosen || candidate.spool.is_some()).then_some(candidate)
        };
        for (part, content) in content.content.iter().enumerate() {
            let place = Place {
                message,
                part,
                nested: None,
            };
            match content {
                Part::Media(content) => found.extend(wanted(place, content)),
                Part::Unreadable(json) => {
                    let mut ordinal = 0;
                    nested::rewrite(json.json(), &mut |content| {
                        let nested = Some(ordinal);
                        found.extend(wanted(Place { nested, ..place }, &content));
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

/// Puts other sources in the place of media. Every other field of the content stays.
pub(super) fn apply(messages: &mut [Message], stored: &[(Place, MediaSource)]) {
    for (place, source) in stored {
        let part = messages
            .get_mut(place.message)
            .and_then(|message| message.content.get_mut(place.part));
        match part {
            Some(Part::Media(content)) => {
                *content = content.clone().with_source(source.clone());
            }
            // All sources of such a part are put in at once, when its first one comes by.
            Some(Part::Unreadable(json)) => {
                let of_part =
                    |other: &Place| (other.message, other.part) == (place.message, place.part);
                let mut ordinal = 0;
                let new = nested::rewrite(json.json(), &mut |content| {
                    let source = stored
                        .iter()
                        .find(|(other, _)| of_part(other) && other.nested == Some(ordinal));
                    ordinal += 1;
                    let (_, source) = source?;
                    Some(content.with_source(source.clone()))
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
