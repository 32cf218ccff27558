//! Failures of a connection to a server.

use std::error::Error;
use std::fmt;

use crate::error::{StateError, StateErrorKind};
use crate::failures::Failures;

pub(crate) const REFUSED_LOGIN: &str = "the server refused the user or the password";

impl Failures {
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

/// What became of a connection, as its client tells.
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
