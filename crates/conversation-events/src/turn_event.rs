//! Events of a turn, for readers.

use std::fmt;
use std::str::FromStr;

use conversation_providers::PartialImage;
use conversation_types::{MessageId, TurnId};
use media_types::MediaContent;
use serde::Serialize;

use crate::response::Response;

/// An event of a turn. It serializes as an object of `type` and `data`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
#[non_exhaustive]
pub enum TurnEvent {
    /// The user's message and the turn are in the state.
    #[non_exhaustive]
    Started {
        /// The turn.
        turn: TurnId,
        /// The user's message.
        message: MessageId,
    },
    /// More text of the model.
    TextDelta(String),
    /// More reasoning of the model.
    ReasoningDelta(String),
    /// A preview of an image that the model or a tool is making. A reader that lags may miss it:
    /// only the newest one of a turn is kept, until an image is complete.
    PartialImage(PartialImage),
    /// A media item that the model or a tool made. Until the turn ends it may be a reference that
    /// only the conversation's `open_media` can read.
    Media(MediaContent),
    /// A tool starts.
    #[non_exhaustive]
    ToolStarted {
        /// The id of the call.
        call: String,
        /// The name of the tool.
        name: String,
    },
    /// A tool reports progress.
    #[non_exhaustive]
    ToolProgress {
        /// The id of the call.
        call: String,
        /// What the tool reports.
        text: String,
    },
    /// A tool is done.
    #[non_exhaustive]
    ToolFinished {
        /// The id of the call.
        call: String,
        /// The name of the tool.
        name: String,
        /// Whether the model was given an error.
        is_error: bool,
    },
    /// A message is complete and in the state.
    MessageSaved(MessageId),
    /// What there is now, to redraw from: the reader was too slow and events were dropped, or it
    /// continues on another node than the one where it began.
    Lagged(TurnSnapshot),
    /// The turn has ended and is in the state.
    Done(Box<Response>),
}

impl TurnEvent {
    /// Creates the event of a turn that has begun with a message.
    pub fn started(turn: TurnId, message: MessageId) -> Self {
        Self::Started { turn, message }
    }

    /// Creates the event of a call that starts.
    pub fn tool_started(call: impl Into<String>, name: impl Into<String>) -> Self {
        Self::ToolStarted {
            call: call.into(),
            name: name.into(),
        }
    }

    /// Creates the event of a call that reports progress.
    pub fn tool_progress(call: impl Into<String>, text: impl Into<String>) -> Self {
        Self::ToolProgress {
            call: call.into(),
            text: text.into(),
        }
    }

    /// Creates the event of a call that is done.
    pub fn tool_finished(call: impl Into<String>, name: impl Into<String>, is_error: bool) -> Self {
        Self::ToolFinished {
            call: call.into(),
            name: name.into(),
            is_error,
        }
    }
}

/// What there is of a running turn at one moment.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct TurnSnapshot {
    /// How many units of the sequence the reader missed.
    pub missed: u64,
    /// The text of each message of the model so far, the last one perhaps still growing.
    pub texts: Vec<String>,
    /// Media items that the model and tools made so far.
    pub media: Vec<MediaContent>,
}

impl TurnSnapshot {
    /// Creates a snapshot of which nothing is known to have been missed.
    pub fn new(texts: Vec<String>, media: Vec<MediaContent>) -> Self {
        Self {
            missed: 0,
            texts,
            media,
        }
    }
}

/// A place in the events of a turn, for a reader that continues: `Last-Event-ID`.
///
/// Its text is `<turn>:<sequence>`. The sequence grows by one with each event, and by one with each
/// byte of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EventPosition {
    /// The turn.
    pub turn: TurnId,
    /// The place after the last event that was read; 0 is the beginning.
    pub sequence: u64,
}

impl EventPosition {
    /// The sequence of a reader that has seen something of the turn, and of which it is not known how
    /// much: on another node, or under another turn's name. It continues with
    /// [`TurnEvent::Lagged`], to redraw from.
    pub const REDRAW: u64 = u64::MAX;

    /// Creates the position at the beginning of a turn.
    pub fn start(turn: TurnId) -> Self {
        Self { turn, sequence: 0 }
    }
}

impl fmt::Display for EventPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.turn, self.sequence)
    }
}

impl FromStr for EventPosition {
    type Err = media_types::ValueError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| media_types::ValueError::new(media_types::ValueKind::Id, reason);
        let (turn, sequence) = text
            .rsplit_once(':')
            .ok_or_else(|| invalid("an event position is `<turn>:<sequence>`"))?;
        Ok(Self {
            turn: TurnId::new(turn)?,
            sequence: sequence
                .parse()
                .map_err(|_| invalid("the sequence of an event position is a number"))?,
        })
    }
}

impl From<TurnId> for EventPosition {
    fn from(turn: TurnId) -> Self {
        Self::start(turn)
    }
}

impl From<&TurnId> for EventPosition {
    fn from(turn: &TurnId) -> Self {
        Self::start(turn.clone())
    }
}
