//! Kinds of errors.

use std::fmt;

use serde::Serialize;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $status:literal, $retry:literal, $word:literal, $text:literal, $hint:literal;)*) => {
        /// What went wrong, for code that decides what to do next.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum ConversationErrorKind {
            $($(#[$doc])* $kind,)*
        }

        impl ConversationErrorKind {
            /// Every kind, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// Returns the kind as one word in snake case, as it is kept with a turn.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $word,)* }
            }

            /// Returns the kind as a short sentence without a full stop.
            pub fn text(self) -> &'static str {
                match self { $(Self::$kind => $text,)* }
            }

            /// Returns what to do about errors of this kind, as one sentence without a full stop.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$kind => $hint,)* }
            }

            /// Returns the HTTP status with which a service may answer.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$kind => $status,)* }
            }

            /// Returns whether the same call may succeed later.
            pub fn is_retryable(self) -> bool {
                match self { $(Self::$kind => $retry,)* }
            }
        }
    };
}

kinds! {
    /// The manager is configured incorrectly.
    Config, 500, false, "config",
        "the manager is configured incorrectly", "Correct how the manager is built";
    /// The caller's data is invalid: an empty id, an empty message.
    InvalidInput, 400, false, "invalid_input",
        "the input is invalid", "Correct the input";
    /// The prompt does not accept the media of the message.
    MediaNotAccepted, 422, false, "media_not_accepted",
        "the prompt does not accept this media", "Send media that the prompt accepts";
    /// A pack, its prompt or a variable is invalid.
    Pack, 422, false, "pack",
        "the prompt cannot be used", "Correct the pack or the variables";
    /// The conversation was started with another pack or prompt.
    PackMismatch, 409, false, "pack_mismatch",
        "the conversation belongs to another prompt",
        "Resume with the pack that the conversation was started with";
    /// The prompt lists a tool that the manager does not have.
    MissingTool, 422, false, "missing_tool",
        "the prompt lists a tool that the manager does not have",
        "Give the manager the tool, or allow missing tools with `MissingTools::Warn`";
    /// The conversation, turn or message does not exist, was deleted, or belongs to another owner.
    NotFound, 404, false, "not_found",
        "the conversation was not found", "Start a new conversation";
    /// A conversation of this id exists.
    AlreadyExists, 409, false, "already_exists",
        "a conversation of this id exists", "Resume it, or choose another id";
    /// Another writer changed the conversation first; nothing was overwritten.
    Conflict, 409, true, "conflict",
        "the conversation was changed by another writer",
        "Send the message again; the turn starts from the new history";
    /// A turn is running in the conversation; nothing was stored or paid.
    Busy, 409, true, "busy",
        "a turn is running in this conversation",
        "Wait for it, attach to it, or set `TurnOptions::with_wait`";
    /// The idempotency key was used for other content.
    KeyReused, 422, false, "key_reused",
        "the idempotency key was used for another message", "Use a new key for each message";
    /// The turn is not the last one of its conversation.
    NotLast, 409, false, "not_last",
        "the turn is not the last one", "Use `branch` or `regenerate`";
    /// The conversation has ended.
    Ended, 410, false, "ended",
        "the conversation has ended", "Start a new conversation";
    /// The manager was shut down.
    Closed, 503, true, "closed",
        "the manager was shut down", "Send the request to another node";
    /// An admission hook refused the turn.
    NotAdmitted, 429, true, "not_admitted",
        "the turn was not admitted", "Try again later, or raise the limit";
    /// The state store failed.
    State, 503, true, "state",
        "the state of the conversation cannot be read or written", "Check the state store";
    /// It is unknown whether a write to the state happened; the next load shows it.
    StateOutcomeUnknown, 503, true, "state_outcome_unknown",
        "it is unknown whether the state was written",
        "Load the conversation again before sending the message again";
    /// The media store failed, and its failure fails the turn.
    Storage, 503, true, "storage",
        "the media cannot be stored", "Check the media store, or keep media inline while it fails";
    /// Media that the message names cannot be read, or belongs to another owner.
    Media, 422, false, "media",
        "the media of the message cannot be read", "Check the media and what the loader may read";
    /// The model provider failed.
    Provider, 502, true, "provider",
        "the model did not answer", "Try again later";
    /// The turn used up its budget of attempts or money.
    BudgetExceeded, 429, false, "budget_exceeded",
        "the budget of the turn is used up", "Raise the budget of the turn";
    /// The model called tools when it had to answer.
    ToolLimit, 502, false, "tool_limit",
        "the model kept calling tools",
        "Raise the limits of the tool policy, or correct the tools";
    /// A validator of the prompt rejected the answer.
    AnswerRejected, 422, false, "answer_rejected",
        "the answer violates a rule of the prompt",
        "Ask again, or correct the validators of the prompt";
    /// The turn took longer than its timeout.
    Timeout, 504, true, "timeout",
        "the turn timed out", "Retry the turn, or give it more time";
    /// The turn was cancelled by its caller.
    Cancelled, 499, true, "cancelled",
        "the turn was cancelled", "Retry the turn to continue from what was kept";
    /// Another node took the turn over, because this one could not renew its lease.
    LeaseLost, 409, true, "lease_lost",
        "the turn was taken over by another node", "Load the conversation again";
    /// Code given to the manager panicked: a tool, middleware, a listener, a store or a provider.
    Panicked, 500, false, "panicked",
        "code given to the manager panicked", "Correct the code that the error names";
    /// Another failure; see the source.
    Other, 500, false, "other",
        "the turn failed", "See the cause";
}

impl fmt::Display for ConversationErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_kind_is_the_one_that_it_serializes_to() {
        for kind in ConversationErrorKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
