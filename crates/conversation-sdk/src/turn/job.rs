//! What a turn is asked to do.

use conversation_state::TruncationMode;
use conversation_tools::ToolOutput;
use conversation_types::{Message, MessageId, TurnId};

/// Where a turn that is tried again starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetryFrom {
    /// After its last complete round: calls that have a result are not run again.
    #[default]
    LastRound,
    /// After the user's message.
    Start,
}

/// What a turn is asked to do.
#[derive(Clone, Debug)]
pub(crate) enum TurnJob {
    /// A new message of the user.
    New {
        message: Box<Message>,
        /// Where the history is cut off before it, by an edit.
        cut: Option<Cut>,
    },
    /// The last turn once more.
    Retry {
        turn: TurnId,
        from: RetryFrom,
        /// What happens to the messages that the new attempt replaces.
        replaced: TruncationMode,
    },
    /// The result of a call that a suspended turn waits for.
    Resume {
        token: String,
        output: Box<Result<ToolOutput, String>>,
    },
}

impl TurnJob {
    pub(crate) fn new_message(message: Message) -> Self {
        Self::New {
            message: Box::new(message),
            cut: None,
        }
    }
}

/// The first message that is cut off, and what happens to it and to those behind it.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    pub(crate) first: MessageId,
    pub(crate) mode: TruncationMode,
}
