//! The first write of a turn.

use chrono::{DateTime, SubsecRound, Utc};
use conversation_state::{Truncation, TurnRecord};
use conversation_types::{Cost, Message, TokenUsage};

use super::permit::Permit;
use super::user_message::InputMedia;

/// The first write of a turn, prepared.
pub(super) struct Opening {
    pub(super) turn: TurnRecord,
    pub(super) previous: Option<TurnRecord>,
    /// Messages to append.
    pub(super) append: Vec<Message>,
    /// Turns that the write ends: a suspended one whose calls are declined.
    pub(super) ended: Vec<TurnRecord>,
    /// Messages of the turn that are in the state already.
    pub(super) saved: Vec<Message>,
    /// What is cut off as soon as the attempt brings something.
    pub(super) truncate: Option<Truncation>,
    /// What is cut off by the write itself.
    pub(super) cut: Option<Truncation>,
    /// The media of the messages to append; `None` where they have none.
    pub(super) media: Option<InputMedia>,
    pub(super) permit: Option<Permit>,
    /// What the messages to append consumed and cost.
    pub(super) spent: (Option<TokenUsage>, Option<Cost>),
}

/// The moment at which a turn ends, as precise as the state keeps it.
pub(super) fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}
