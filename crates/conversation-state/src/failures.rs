//! Errors of one operation on one database.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{StateError, StateErrorKind};

/// The operation that opens a store.
pub(crate) const OPEN: &str = "open conversation database";

/// Makes errors of one operation on one database: a file, or a schema or keys of a server.
#[derive(Clone, Debug)]
pub(crate) struct Failures {
    subject: Arc<str>,
    operation: &'static str,
}

impl Failures {
    pub(crate) fn new(subject: Arc<str>, operation: &'static str) -> Self {
        Self { subject, operation }
    }

    #[cfg(any(feature = "postgres", feature = "redis"))]
    pub(crate) fn operation(&self) -> &'static str {
        self.operation
    }

    pub(crate) fn kind(&self, kind: StateErrorKind) -> StateError {
        StateError::new(kind, self.operation).with_subject(&*self.subject)
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> StateError {
        self.kind(StateErrorKind::Corrupted).with_detail(what)
    }

    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        json: impl AsRef<[u8]>,
        what: &str,
    ) -> Result<T, StateError> {
        serde_json::from_slice(json.as_ref()).map_err(|error| {
            self.damaged(format!("{what} cannot be read"))
                .with_source(error)
        })
    }

    pub(crate) fn write<T: Serialize>(&self, value: &T) -> Result<String, StateError> {
        serde_json::to_string(value)
            .map_err(|error| self.kind(StateErrorKind::InvalidInput).with_source(error))
    }
}
