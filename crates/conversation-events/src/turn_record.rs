//! The record of what a turn has said: text once, other events up to a limit.

use std::collections::VecDeque;
use std::ops::Range;

use media_types::MediaContent;

use crate::error::ConversationError;
use crate::response::Response;
use crate::text::floor_boundary;
use crate::turn_event::{TurnEvent, TurnSnapshot};

/// How many events other than text are kept for readers that lag behind.
const MAX_EVENTS: usize = 1024;
/// Longest text that is handed to a reader at once, in bytes.
const MAX_DELTA: usize = 64 * 1024;

/// The end of a turn.
pub type TurnOutcome = Result<Box<Response>, ConversationError>;

/// What a reader gets at a place of the sequence.
#[derive(Debug)]
#[non_exhaustive]
pub enum Read {
    /// An event, and the place after it.
    Event(TurnEvent, u64),
    /// The end.
    Ended(TurnOutcome),
    /// Nothing yet.
    Wait,
}

/// What a turn has said. Places in it are counted in bytes of text and in events.
#[derive(Debug, Default)]
pub(crate) struct TurnRecord {
    entries: VecDeque<Entry>,
    /// The sequence of the oldest entry that is kept.
    first: u64,
    /// The sequence of the next entry.
    end: u64,
    events: usize,
    texts: Vec<String>,
    reasoning: String,
    media: Vec<MediaContent>,
    outcome: Option<TurnOutcome>,
    /// The sequence of the preview that is kept.
    preview: Option<u64>,
}

#[derive(Debug)]
struct Entry {
    at: u64,
    kind: EntryKind,
}

#[derive(Debug)]
enum EntryKind {
    Text {
        message: usize,
        range: Range<usize>,
    },
    Reasoning(Range<usize>),
    Event(Box<TurnEvent>),
    /// A preview that a later event has made useless.
    Superseded,
}

impl Entry {
    fn len(&self) -> u64 {
        match &self.kind {
            EntryKind::Text { range, .. } | EntryKind::Reasoning(range) => range.len() as u64,
            EntryKind::Event(_) | EntryKind::Superseded => 1,
        }
    }
}

impl TurnRecord {
    /// Returns the place after all that was said.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Returns the end of the turn, once it has ended.
    pub(crate) fn outcome(&self) -> Option<&TurnOutcome> {
        self.outcome.as_ref()
    }

    /// Begins the text of another message.
    pub(crate) fn begin_message(&mut self) {
        self.texts.push(String::new());
    }

    /// Adds text of the model.
    pub(crate) fn text(&mut self, delta: &str) {
        if self.texts.is_empty() {
            self.begin_message();
        }
        let message = self.texts.len() - 1;
        let Some(text) = self.texts.last_mut() else {
            return;
        };
        let start = text.len();
        text.push_str(delta);
        let range = start..text.len();
        match self.entries.back_mut() {
            Some(Entry {
                kind:
                    EntryKind::Text {
                        message: last,
                        range: held,
                    },
                ..
            }) if *last == message && held.end == start => held.end = range.end,
            _ => self.push(EntryKind::Text { message, range }),
        }
        self.end += delta.len() as u64;
    }

    /// Adds reasoning of the model.
    pub(crate) fn reasoning(&mut self, delta: &str) {
        let start = self.reasoning.len();
        self.reasoning.push_str(delta);
        let end = self.reasoning.len();
        match self.entries.back_mut() {
            Some(Entry {
                kind: EntryKind::Reasoning(held),
                ..
            }) if held.end == start => held.end = end,
            _ => self.push(EntryKind::Reasoning(start..end)),
        }
        self.end += delta.len() as u64;
    }

    /// Adds an event that is not text.
    pub(crate) fn event(&mut self, event: TurnEvent) {
        if let TurnEvent::Media(media) = &event
            && self.media.len() < MAX_EVENTS
        {
            // Readers that lag are shown references, never bytes held for them alone.
            self.media.push(media.clone());
        }
        if matches!(event, TurnEvent::PartialImage(_) | TurnEvent::Media(_)) {
            self.drop_preview();
        }
        if matches!(event, TurnEvent::PartialImage(_)) {
            self.preview = Some(self.end);
        }
        self.push(EntryKind::Event(Box::new(event)));
        self.events += 1;
        self.end += 1;
        self.trim();
    }

    /// Ends the record. The first end counts.
    pub(crate) fn finish(&mut self, outcome: TurnOutcome) {
        self.outcome.get_or_insert(outcome);
    }

    /// Reads what comes after a place. At a place that is not of this record, that is what there is.
    pub(crate) fn read(&self, sequence: u64) -> Read {
        if sequence < self.first || sequence > self.end {
            let snapshot = TurnSnapshot {
                missed: self.first.saturating_sub(sequence),
                texts: self.texts.clone(),
                media: self.media.clone(),
            };
            return Read::Event(TurnEvent::Lagged(snapshot), self.end);
        }
        if sequence >= self.end {
            return match &self.outcome {
                Some(outcome) => Read::Ended(outcome.clone()),
                None => Read::Wait,
            };
        }
        let index = self
            .entries
            .partition_point(|entry| entry.at <= sequence)
            .saturating_sub(1);
        // Behind a preview that is gone stands the event for which it went.
        let mut from = self.entries.range(index..);
        let entry = from.find(|entry| !matches!(entry.kind, EntryKind::Superseded));
        match entry {
            Some(entry) => self.read_entry(entry, sequence.max(entry.at)),
            None => Read::Wait,
        }
    }

    fn push(&mut self, kind: EntryKind) {
        let at = self.end;
        self.entries.push_back(Entry { at, kind });
    }

    /// Lets go of the bytes of the preview that is kept.
    fn drop_preview(&mut self) {
        let Some(at) = self.preview.take() else {
            return;
        };
        if let Ok(index) = self.entries.binary_search_by_key(&at, |entry| entry.at)
            && let Some(entry) = self.entries.get_mut(index)
        {
            entry.kind = EntryKind::Superseded;
        }
    }

    fn trim(&mut self) {
        while self.events > MAX_EVENTS
            && let Some(oldest) = self.entries.pop_front()
        {
            if matches!(oldest.kind, EntryKind::Event(_) | EntryKind::Superseded) {
                self.events -= 1;
            }
            self.first = oldest.at + oldest.len();
        }
    }

    fn read_entry(&self, entry: &Entry, sequence: u64) -> Read {
        let offset = sequence.saturating_sub(entry.at) as usize;
        let part = |text: &str, range: &Range<usize>| {
            let start = floor_boundary(text, range.start + offset);
            let end = floor_boundary(text, range.end.min(start + MAX_DELTA));
            let delta = text.get(start..end).unwrap_or_default().to_owned();
            (delta, entry.at + (end - range.start) as u64)
        };
        match &entry.kind {
            EntryKind::Text { message, range } => {
                let text = self.texts.get(*message).map_or("", String::as_str);
                let (delta, next) = part(text, range);
                Read::Event(TurnEvent::TextDelta(delta), next)
            }
            EntryKind::Reasoning(range) => {
                let (delta, next) = part(&self.reasoning, range);
                Read::Event(TurnEvent::ReasoningDelta(delta), next)
            }
            EntryKind::Event(event) => Read::Event((**event).clone(), entry.at + 1),
            EntryKind::Superseded => Read::Wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use conversation_providers::PartialImage;
    use media_types::Mime;

    fn read_all(record: &TurnRecord, mut at: u64) -> (String, usize, u64) {
        let (mut text, mut others) = (String::new(), 0);
        loop {
            match record.read(at) {
                Read::Event(TurnEvent::TextDelta(delta), next) => {
                    text.push_str(&delta);
                    at = next;
                }
                Read::Event(_, next) => {
                    others += 1;
                    at = next;
                }
                Read::Wait | Read::Ended(_) => return (text, others, at),
            }
        }
    }

    #[test]
    fn readers_at_any_place_read_the_same() {
        let mut record = TurnRecord::default();
        record.begin_message();
        for delta in ["a", "\u{1f600}", "b"] {
            record.text(delta);
        }
        record.event(TurnEvent::ToolStarted {
            call: "c".into(),
            name: "f".into(),
        });
        record.begin_message();
        record.text("second");
        let (text, others, end) = read_all(&record, 0);
        assert_eq!((text.as_str(), others), ("a\u{1f600}bsecond", 1));
        assert_eq!(read_all(&record, 5).0, "bsecond");
        assert_eq!(end, 1 + 4 + 1 + 1 + 6);
    }

    #[test]
    fn of_previews_only_the_newest_is_kept_and_none_behind_the_image() {
        let mut record = TurnRecord::default();
        let preview = |index| {
            let image = PartialImage::new("ig", index, Mime::IMAGE_PNG, vec![0; 10]);
            TurnEvent::PartialImage(image)
        };
        let next = |record: &TurnRecord, at| match record.read(at) {
            Read::Event(TurnEvent::PartialImage(image), next) => (image.index, next),
            other => panic!("{other:?}"),
        };
        record.text("a");
        record.event(preview(0));
        // A reader that keeps up gets each.
        let (first, at) = next(&record, 1);
        record.event(preview(1));
        let (second, _) = next(&record, at);
        record.event(preview(2));
        record.text("b");
        // One that does not, the newest.
        let (newest, after) = next(&record, 1);
        assert_eq!((first, second, newest, after), (0, 1, 2, 4));
        assert_eq!(read_all(&record, 0), ("ab".to_owned(), 1, 5));
        let image = MediaContent::from_bytes(Mime::IMAGE_PNG, "x");
        record.event(TurnEvent::Media(image));
        assert_eq!(read_all(&record, 0), ("ab".to_owned(), 1, 6));
        for _ in 0..3000 {
            record.event(preview(3));
        }
        let held = |entry: &&Entry| matches!(entry.kind, EntryKind::Event(_));
        assert_eq!(record.entries.iter().filter(held).count(), 1);
    }

    #[test]
    fn a_reader_that_lags_gets_what_there_is() {
        let mut record = TurnRecord::default();
        record.text("text");
        for n in 0..3000 {
            record.event(TurnEvent::ToolProgress {
                call: n.to_string(),
                text: String::new(),
            });
        }
        let Read::Event(TurnEvent::Lagged(snapshot), next) = record.read(0) else {
            panic!("the reader was told nothing");
        };
        assert_eq!(snapshot.texts, ["text"]);
        assert_eq!(snapshot.missed, 4 + 3000 - 1024);
        assert!(matches!(record.read(next), Read::Wait));
        assert_eq!(read_all(&record, snapshot.missed).1, 1024);
    }
}
