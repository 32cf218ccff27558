//! What a turn has said so far, for readers at any speed.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use conversation_types::TurnId;
use media_types::MediaContent;
use tokio::sync::watch;

use crate::error::ConversationError;
use crate::response::Response;
use crate::text::floor_boundary;
use crate::turn_event::{EventPosition, TurnEvent, TurnSnapshot};

/// How many events other than text are kept for readers that lag behind.
const MAX_EVENTS: usize = 1024;
/// Longest text that is handed to a reader at once, in bytes.
const MAX_DELTA: usize = 64 * 1024;

/// The end of a turn.
pub type TurnOutcome = Result<Box<Response>, ConversationError>;

/// The events of one turn. Text is held once, however many readers there are and however slow they
/// are; other events are held up to a limit.
#[derive(Debug)]
pub struct TurnLog {
    turn: TurnId,
    /// The turn that this one turned out to be a repetition of.
    repeats: OnceLock<TurnId>,
    inner: Mutex<Inner>,
    /// The end of the sequence, and whether the turn has ended.
    changed: watch::Sender<(u64, bool)>,
}

#[derive(Debug, Default)]
struct Inner {
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

impl TurnLog {
    /// Creates the log of a turn that has said nothing yet.
    pub fn new(turn: TurnId) -> Self {
        Self {
            turn,
            repeats: OnceLock::new(),
            inner: Mutex::default(),
            changed: watch::Sender::new((0, false)),
        }
    }

    /// Returns the turn: the original, where this one is a repetition.
    pub fn turn(&self) -> &TurnId {
        self.repeats.get().unwrap_or(&self.turn)
    }

    /// Notes that this turn is a repetition of another one. Readers continue with that one.
    pub fn repeat(&self, original: TurnId) {
        // The first original counts: a turn has one key.
        let _ = self.repeats.set(original);
    }

    /// Returns the sequence with which a reader continues that has read up to a place of this log.
    pub(crate) fn resume_at(&self, sequence: u64) -> u64 {
        match self.repeats.get() {
            Some(_) if sequence > 0 => EventPosition::REDRAW,
            _ => sequence,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the text of another message.
    pub fn begin_message(&self) {
        self.inner().texts.push(String::new());
    }

    /// Adds text of the model.
    pub fn text(&self, delta: &str) {
        self.write(|inner| {
            if inner.texts.is_empty() {
                inner.texts.push(String::new());
            }
            let message = inner.texts.len() - 1;
            let Some(text) = inner.texts.last_mut() else {
                return;
            };
            let start = text.len();
            text.push_str(delta);
            let range = start..text.len();
            match inner.entries.back_mut() {
                Some(Entry {
                    kind:
                        EntryKind::Text {
                            message: last,
                            range: held,
                        },
                    ..
                }) if *last == message && held.end == start => held.end = range.end,
                _ => inner.push(EntryKind::Text { message, range }),
            }
            inner.end += delta.len() as u64;
        });
    }

    /// Adds reasoning of the model.
    pub fn reasoning(&self, delta: &str) {
        self.write(|inner| {
            let start = inner.reasoning.len();
            inner.reasoning.push_str(delta);
            let end = inner.reasoning.len();
            match inner.entries.back_mut() {
                Some(Entry {
                    kind: EntryKind::Reasoning(held),
                    ..
                }) if held.end == start => held.end = end,
                _ => inner.push(EntryKind::Reasoning(start..end)),
            }
            inner.end += delta.len() as u64;
        });
    }

    /// Adds an event that is not text.
    pub fn event(&self, event: TurnEvent) {
        self.write(|inner| {
            if let TurnEvent::Media(media) = &event
                && inner.media.len() < MAX_EVENTS
            {
                // Readers that lag are shown references, never bytes held for them alone.
                inner.media.push(media.clone());
            }
            if matches!(event, TurnEvent::PartialImage(_) | TurnEvent::Media(_)) {
                inner.drop_preview();
            }
            if matches!(event, TurnEvent::PartialImage(_)) {
                inner.preview = Some(inner.end);
            }
            inner.push(EntryKind::Event(Box::new(event)));
            inner.events += 1;
            inner.end += 1;
            inner.trim();
        });
    }

    /// Ends the log. The first end counts.
    pub fn end(&self, outcome: TurnOutcome) {
        self.write(|inner| {
            inner.outcome.get_or_insert(outcome);
        });
    }

    fn write(&self, change: impl FnOnce(&mut Inner)) {
        let state = {
            let mut inner = self.inner();
            change(&mut inner);
            (inner.end, inner.outcome.is_some())
        };
        self.changed.send_replace(state);
    }

    /// Waits until there is something after a place, or the turn has ended.
    pub async fn wait_beyond(&self, sequence: u64) {
        // The sender lives in `self`, so the channel cannot be closed.
        let _ = self
            .changed
            .subscribe()
            .wait_for(|(end, ended)| *end > sequence || *ended)
            .await;
    }

    /// Waits for the end of the turn.
    pub async fn outcome(&self) -> TurnOutcome {
        let _ = self.changed.subscribe().wait_for(|(_, ended)| *ended).await;
        self.inner().outcome.clone().unwrap_or_else(|| {
            Err(ConversationError::new(
                crate::error::ConversationErrorKind::Cancelled,
            ))
        })
    }

    /// Reads what comes after a place. At a place that is not of this log, that is what there is.
    pub fn read(&self, sequence: u64) -> Read {
        let inner = self.inner();
        if sequence < inner.first || sequence > inner.end {
            let snapshot = TurnSnapshot {
                missed: inner.first.saturating_sub(sequence),
                texts: inner.texts.clone(),
                media: inner.media.clone(),
            };
            return Read::Event(TurnEvent::Lagged(snapshot), inner.end);
        }
        if sequence >= inner.end {
            return match &inner.outcome {
                Some(outcome) => Read::Ended(outcome.clone()),
                None => Read::Wait,
            };
        }
        let index = inner
            .entries
            .partition_point(|entry| entry.at <= sequence)
            .saturating_sub(1);
        // Behind a preview that is gone stands the event for which it went.
        let mut from = inner.entries.range(index..);
        let entry = from.find(|entry| !matches!(entry.kind, EntryKind::Superseded));
        match entry {
            Some(entry) => inner.read_entry(entry, sequence.max(entry.at)),
            None => Read::Wait,
        }
    }
}

impl Inner {
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

    fn read_all(log: &TurnLog, mut at: u64) -> (String, usize, u64) {
        let (mut text, mut others) = (String::new(), 0);
        loop {
            match log.read(at) {
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
        let log = TurnLog::new(TurnId::mint());
        log.begin_message();
        for delta in ["a", "\u{1f600}", "b"] {
            log.text(delta);
        }
        log.event(TurnEvent::ToolStarted {
            call: "c".into(),
            name: "f".into(),
        });
        log.begin_message();
        log.text("second");
        let (text, others, end) = read_all(&log, 0);
        assert_eq!((text.as_str(), others), ("a\u{1f600}bsecond", 1));
        assert_eq!(read_all(&log, 5).0, "bsecond");
        assert_eq!(end, 1 + 4 + 1 + 1 + 6);
    }

    #[test]
    fn of_previews_only_the_newest_is_kept_and_none_behind_the_image() {
        let log = TurnLog::new(TurnId::mint());
        let preview = |index| {
            let image = PartialImage::new("ig", index, Mime::IMAGE_PNG, vec![0; 10]);
            log.event(TurnEvent::PartialImage(image));
        };
        let next = |at| match log.read(at) {
            Read::Event(TurnEvent::PartialImage(image), next) => (image.index, next),
            other => panic!("{other:?}"),
        };
        log.text("a");
        preview(0);
        // A reader that keeps up gets each.
        let (first, at) = next(1);
        preview(1);
        let (second, _) = next(at);
        preview(2);
        log.text("b");
        // One that does not, the newest.
        let (newest, after) = next(1);
        assert_eq!((first, second, newest, after), (0, 1, 2, 4));
        assert_eq!(read_all(&log, 0), ("ab".to_owned(), 1, 5));
        let image = MediaContent::from_bytes(Mime::IMAGE_PNG, "x");
        log.event(TurnEvent::Media(image));
        assert_eq!(read_all(&log, 0), ("ab".to_owned(), 1, 6));
        for _ in 0..3000 {
            preview(3);
        }
        let held = |entry: &Entry| matches!(entry.kind, EntryKind::Event(_));
        assert_eq!(
            log.inner()
                .entries
                .iter()
                .filter(|entry| held(entry))
                .count(),
            1
        );
    }

    #[test]
    fn a_reader_that_lags_gets_what_there_is() {
        let log = TurnLog::new(TurnId::mint());
        log.text("text");
        for n in 0..3000 {
            log.event(TurnEvent::ToolProgress {
                call: n.to_string(),
                text: String::new(),
            });
        }
        let Read::Event(TurnEvent::Lagged(snapshot), next) = log.read(0) else {
            panic!("the reader was told nothing");
        };
        assert_eq!(snapshot.texts, ["text"]);
        assert_eq!(snapshot.missed, 4 + 3000 - 1024);
        assert!(matches!(log.read(next), Read::Wait));
        assert_eq!(read_all(&log, snapshot.missed).1, 1024);
    }
}
