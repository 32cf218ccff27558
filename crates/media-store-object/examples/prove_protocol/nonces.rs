//! Fresh tokens that are the same in states that are the same.
//!
//! A token must never have been used before. What counts is that nobody knows it: so the smallest
//! number will do that is neither in the bucket, nor in a request on its way, nor in the memory of
//! a machine that goes on. States that differ only in the names of forgotten tokens become one.

use media_store_object::protocol::{Nonce, Record, SidecarState, Versioned};

use crate::ask::Reply;

/// A set of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NonceSet(u128);

impl NonceSet {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn of_value(value: u32) -> Self {
        assert!(value < 128, "a token that this checker did not give");
        Self(1 << value)
    }

    pub(crate) fn one(token: Nonce) -> Self {
        Self::of_value(u32::try_from(token.value()).unwrap_or(u32::MAX))
    }

    pub(crate) fn of_record(record: &Record) -> Self {
        Self::one(record.generation).and(Self::one(record.nonce))
    }

    /// What an answer tells.
    pub(crate) fn of_reply(reply: &Reply) -> Self {
        use media_store_object::protocol::Answer;
        match reply {
            Reply::Protocol(Answer::Record(Some(Versioned { record, .. }))) => {
                Self::of_record(record)
            }
            Reply::Sidecar(Some(token)) => Self::one(*token),
            Reply::References(all) => {
                let tokens = all.iter().map(|(_, token)| Self::one(*token));
                tokens.fold(Self::NONE, Self::and)
            }
            Reply::Protocol(Answer::Sidecar(
                SidecarState::Live(token) | SidecarState::Restored(token),
            ))
            | Reply::Found(SidecarState::Live(token) | SidecarState::Restored(token), _)
            | Reply::Version(SidecarState::Live(token) | SidecarState::Restored(token), _) => {
                Self::one(*token)
            }
            Reply::Generations(all) => all.iter().fold(Self::NONE, |t, one| t.and(Self::one(*one))),
            _ => Self::NONE,
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn has(self, token: Nonce) -> bool {
        self.and(Self::one(token)) == self
    }

    /// A token that is not in the set; it is then.
    pub(crate) fn fresh(&mut self) -> Nonce {
        let value = self.0.trailing_ones();
        *self = self.and(Self::of_value(value));
        Nonce::new(u128::from(value))
    }
}
