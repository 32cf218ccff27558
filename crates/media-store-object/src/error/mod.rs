//! From failures of the bucket to failures of storage.
//!
//! What `object_store` says is not passed on: its texts hold URLs (signed ones too, with some
//! credentials) and whole answers, which some services fill with what they were sent. What helps is
//! taken out of them: the status, the service's code, its message.

mod failure;
mod verdict;

use media_storage::{Operation, StorageError};

pub use failure::ServiceFailure;
pub(crate) use failure::{is_absent, refused};

/// What was done to the bucket when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Write,
    Delete,
    List,
}

impl Verb {
    /// Completes "the credential may not ...".
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::List => "list",
        }
    }
}

/// Turns a failure of the bucket into one of an operation; the backend is named by the caller.
pub(crate) fn from_object_store(
    error: object_store::Error,
    operation: Operation,
    verb: Verb,
) -> StorageError {
    let failure = ServiceFailure::of(&error);
    let verdict = verdict::judge(&error, &failure, operation, verb);
    let mapped = StorageError::new(verdict.kind, operation);
    let mapped = match verdict.reason {
        Some(reason) => mapped.with_reason(reason),
        None => mapped,
    };
    mapped.with_source(failure)
}
