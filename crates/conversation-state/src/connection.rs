//! Failures of a connection to a server.

use std::error::Error;
use std::fmt;

use crate::error::{StateError, StateErrorKind};
use crate::failures::{Failures, OPEN};

pub(crate) const REFUSED_LOGIN: &str = "the server refused the user or the password";

impl Failures {
    /// A connection that cannot be made with these settings. While a store is opened they are to blame.
    /// Later they have worked before: the server has changed, as in a failover, and whether an earlier
    /// attempt was applied is open.
    pub(crate) fn misconfigured(&self, why: impl Into<String>) -> StateError {
        let kind = match self.operation() == OPEN {
            true => StateErrorKind::InvalidInput,
            false => StateErrorKind::Unavailable,
        };
        self.kind(kind).with_detail(why)
    }

    pub(crate) fn unavailable(&self, why: impl Into<String>) -> StateError {
        self.kind(StateErrorKind::Unavailable).with_detail(why)
    }

    /// A connection that failed. The same request may do on another.
    pub(crate) fn lost(
        &self,
        why: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> StateError {
        self.unavailable(why).with_source(Lost(cause.into()))
    }
}

/// What an attempt failed with after an earlier one was sent and its answer was lost: that the request
/// is refused now says nothing about then.
pub(crate) fn after_lost_answer(error: StateError) -> StateError {
    match error.is_definite() && !error.is_verdict() {
        true => error.with_kind(StateErrorKind::Unavailable),
        false => error,
    }
}

/// What became of a connection, as its client reports it.
#[derive(Debug)]
struct Lost(Box<dyn Error + Send + Sync>);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Lost {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Whether a failure is that of a connection.
pub(crate) fn is_lost(error: &StateError) -> bool {
    error
        .source()
        .is_some_and(|source| source.downcast_ref::<Lost>().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_after_a_lost_answer_decides_nothing() {
        let failures = Failures::new("a place".into(), "apply write to conversation");
        for kind in [StateErrorKind::InvalidInput, StateErrorKind::TooLarge] {
            let error = after_lost_answer(failures.kind(kind).with_detail("as it is"));
            assert_eq!(error.kind(), StateErrorKind::Unavailable);
            assert!(error.to_string().ends_with("as it is"));
        }
        for kind in [StateErrorKind::Conflict, StateErrorKind::Corrupted] {
            assert_eq!(after_lost_answer(failures.kind(kind)).kind(), kind);
        }
    }

    #[test]
    fn settings_are_to_blame_only_while_a_store_is_opened() {
        for (operation, kind) in [
            (OPEN, StateErrorKind::InvalidInput),
            ("load conversation", StateErrorKind::Unavailable),
        ] {
            let failures = Failures::new("a place".into(), operation);
            assert_eq!(failures.misconfigured("no TLS").kind(), kind);
        }
    }
}
