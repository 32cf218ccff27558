//! Answers that the provider keeps, so that the next request names the last one in place of what
//! came before it.
//!
//! Behind an answer that is kept stands an opaque part with its id and a hash of the conversation
//! up to it. The id is used only as long as that hash is still the conversation's: after an edit, a
//! truncation or another answer in between, the whole history goes out.

use conversation_types::{Message, Part, ProviderData, RawJson};
use media_storage::Sha256Hasher;
use media_types::{MediaContent, MediaSource};
use serde::{Deserialize, Serialize};

use super::super::names::NAME;
use crate::media::inline_hash;
use crate::transcript::CHAIN_KIND;

/// How long the provider keeps an answer, less a day.
const KEPT_SECONDS: i64 = 29 * 24 * 3600;

#[derive(Serialize, Deserialize)]
struct Link {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    /// The hash of the conversation up to the answer.
    history: String,
    /// Seconds since 1970.
    created_at: i64,
}

/// The last answer that the provider keeps.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LastResponse {
    pub(super) id: String,
    /// The number of messages that the provider has.
    pub(super) known: usize,
}

/// The hash of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HistoryHash(String);

impl HistoryHash {
    pub(super) fn of(history: &[Message]) -> Self {
        let start = Self(String::new());
        history.iter().fold(start, Self::with)
    }

    fn with(self, message: &Message) -> Self {
        let mut hash = Sha256Hasher::new();
        hash.update(self.0.as_bytes());
        add(message, &mut hash);
        Self(hash.finish().to_string())
    }

    /// Returns the part that stands behind an answer which the provider keeps.
    pub(super) fn link(self, id: &str, answer: &Message, now: i64) -> Option<Part> {
        let link = Link {
            kind: CHAIN_KIND.to_owned(),
            id: id.to_owned(),
            history: self.with(answer).0,
            created_at: now,
        };
        let json = serde_json::to_string(&link).ok()?;
        Some(Part::opaque(NAME, RawJson::from_text(json).ok()?))
    }
}

/// Returns the last answer that the provider keeps, if the conversation up to it is what it was.
pub(super) fn last_response(messages: &[Message], now: i64) -> Option<LastResponse> {
    let mut links = messages.iter().enumerate().rev();
    let (at, link) = links.find_map(|(at, message)| Some((at, link_of(message)?)))?;
    let known = at + 1;
    let is_kept = now.saturating_sub(link.created_at) <= KEPT_SECONDS;
    let is_same = HistoryHash::of(messages.get(..known)?).0 == link.history;
    (is_kept && is_same && known < messages.len()).then_some(LastResponse { id: link.id, known })
}

fn link_of(message: &Message) -> Option<Link> {
    message.content.iter().rev().find_map(|part| match part {
        Part::Opaque { api, item, .. } if api == NAME => {
            let link: Link = item
                .json()
                .filter(|item| item.get().len() < 1024)?
                .parse()
                .ok()?;
            (link.kind == CHAIN_KIND).then_some(link)
        }
        _ => None,
    })
}

/// Adds a message to the hash of a conversation: all that goes out of it. Ids of messages, times
/// and the place where media is kept are none of it.
fn add(message: &Message, hash: &mut Sha256Hasher) {
    let mut field = |text: &str| {
        hash.update(&(text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    field(&format!("{:?}", message.role));
    field(message.tool_call_id.as_deref().unwrap_or_default());
    for part in &message.content {
        match part {
            Part::Text(text) => {
                field("text");
                field(&text.text);
            }
            Part::Media(media) => {
                field("media");
                field(&identity(media));
            }
            Part::Reasoning {
                opaque: Some((api, item)),
                ..
            }
            | Part::Opaque { api, item, .. }
                if api == NAME =>
            {
                let json = item.json().map(RawJson::get);
                let stored = item.reference().map(|reference| match reference.sha256() {
                    Some(hash) => hash.to_string(),
                    None => reference.id().to_owned(),
                });
                // In a store is the same text, known by its hash.
                let hash = json.map(|json| Sha256Hasher::digest(json.as_bytes()).to_string());
                if !json.is_some_and(|json| json.contains(CHAIN_KIND)) {
                    field("item");
                    field(&hash.or(stored).unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    for call in &message.tool_calls {
        for text in [&call.id, &call.name, &call.arguments] {
            field(text);
        }
    }
}

fn identity(media: &MediaContent) -> String {
    let item = ProviderData::of_media(media);
    let item = item.get(NAME).and_then(|item| item.json());
    let item = item.map_or("", RawJson::get);
    let source = match media.source() {
        MediaSource::Inline(_) => {
            inline_hash(media).map_or_else(String::new, |hash| hash.to_string())
        }
        MediaSource::Stored(reference) => match reference.sha256() {
            Some(hash) => hash.to_string(),
            None => reference.id().to_owned(),
        },
        MediaSource::Url(url) => url.as_str().to_owned(),
        MediaSource::ProviderFile(file) => file.id().to_owned(),
        _ => String::new(),
    };
    // Keys of an object may be stored in another order.
    let id = serde_json::from_str::<serde_json::Value>(item).ok();
    let id = id.and_then(|item| Some(item.get("id")?.as_str()?.to_owned()));
    format!("{source} {}", id.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_types::{Mime, StorageReference};

    fn conversation() -> (Vec<Message>, Message) {
        let history = vec![Message::user("x")];
        let image = MediaContent::from_bytes(Mime::IMAGE_PNG, "abc");
        let answer = Message::assistant(vec![Part::text("y"), Part::Media(image)]);
        (history, answer)
    }

    fn linked() -> Vec<Message> {
        let (history, mut answer) = conversation();
        let link = HistoryHash::of(&history).link("resp_1", &answer, 100);
        answer.content.push(link.unwrap());
        let next = Message::user("z");
        history.into_iter().chain([answer, next]).collect()
    }

    #[test]
    fn the_chain_holds_as_long_as_the_conversation_is_the_same() {
        let messages = linked();
        let last = last_response(&messages, 200).unwrap();
        assert_eq!((last.id.as_str(), last.known), ("resp_1", 2));
        // Where media is kept is nothing of the conversation.
        let mut stored = messages.clone();
        let reference = StorageReference::builder("file", "s/c/x.png")
            .with_sha256(Sha256Hasher::digest(b"abc"))
            .build()
            .unwrap();
        stored[1].content[1] =
            Part::Media(MediaContent::from_reference(Mime::IMAGE_PNG, reference));
        assert!(last_response(&stored, 200).is_some());
    }

    #[test]
    fn any_change_and_time_break_it() {
        let messages = linked();
        assert_eq!(last_response(&messages, 100 + KEPT_SECONDS + 1), None);
        assert_eq!(last_response(&messages[..2], 200), None);
        let mut edited = messages.clone();
        edited[0] = Message::user("other");
        assert_eq!(last_response(&edited, 200), None);
        let mut cut = messages.clone();
        cut[1].content.remove(1);
        assert_eq!(last_response(&cut, 200), None);
        let mut longer = messages.clone();
        longer.insert(0, Message::user("before"));
        assert_eq!(last_response(&longer, 200), None);
    }
}
