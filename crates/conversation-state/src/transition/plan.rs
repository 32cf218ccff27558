//! What a store has to carry out.

use crate::outcome::Applied;
use crate::transition::prepare::EncodedMessage;
use crate::transition::view::LoggedWrite;
use crate::turn::TurnRecord;
use crate::update::PlannerEntry;

/// A message to add.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct NewMessage<'a> {
    /// The position on branch 0.
    pub position: u64,
    /// The slot.
    pub slot: u64,
    /// The message.
    pub message: &'a EncodedMessage,
}

/// The end of branch 0 that is cut off: messages from `from` on, and slots that begin there. Slots
/// that the plan writes are where it says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedCut {
    /// The first position that goes.
    pub from: u64,
    /// The branch that takes what is cut off; none for removing it.
    pub branch: Option<u32>,
}

/// A slot to create or to change.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PlannedTurn {
    /// The slot.
    pub slot: u64,
    /// The branch: 0, or that of the cut for a turn that ends with it and has nothing before it.
    pub branch: u32,
    /// The position at which its first message is, or would be.
    pub first: u64,
    /// Whether the slot is new.
    pub is_new: bool,
    /// Whether windows count the slot while it is on branch 0.
    pub in_context: bool,
    /// The turn; none for messages that belong to no turn.
    pub turn: Option<TurnRecord>,
}

/// What a store has to carry out, in this order, for a write that is applied.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Plan<'a> {
    /// Messages that take the place of those with their ids, with their references.
    pub replace: Vec<&'a EncodedMessage>,
    /// What to cut off.
    pub cut: Option<PlannedCut>,
    /// Slots to write.
    pub turns: Vec<PlannedTurn>,
    /// Messages to add, with their references.
    pub append: Vec<NewMessage<'a>>,
    /// Rows of planners to set.
    pub planner: &'a [PlannerEntry],
    /// The entry to add to the log.
    pub log: LoggedWrite,
    /// Entries of the log to remove: those of versions below this one.
    pub keep_log_from: u64,
    /// The outcome, with the record to write.
    pub applied: Applied,
}
