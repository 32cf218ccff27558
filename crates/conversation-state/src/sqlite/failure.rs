//! SQLite's errors as ours.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::ErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{StateError, StateErrorKind};

/// Makes errors of one operation on one file.
#[derive(Clone, Debug)]
pub(super) struct Failures {
    path: Arc<PathBuf>,
    operation: &'static str,
}

impl Failures {
    pub(super) fn new(path: Arc<PathBuf>, operation: &'static str) -> Self {
        Self { path, operation }
    }

    pub(super) fn kind(&self, kind: StateErrorKind) -> StateError {
        StateError::new(kind, self.operation).with_subject(self.path.to_string_lossy())
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> StateError {
        self.kind(StateErrorKind::Corrupted).with_detail(what)
    }

    pub(super) fn map<T>(&self, result: rusqlite::Result<T>) -> Result<T, StateError> {
        result.map_err(|error| self.kind(kind(&error)).with_source(error))
    }

    pub(super) fn read<T: DeserializeOwned>(
        &self,
        json: &str,
        what: &str,
    ) -> Result<T, StateError> {
        serde_json::from_str(json).map_err(|error| {
            self.damaged(format!("{what} cannot be read"))
                .with_source(error)
        })
    }

    pub(super) fn write<T: Serialize>(&self, value: &T) -> Result<String, StateError> {
        serde_json::to_string(value)
            .map_err(|error| self.kind(StateErrorKind::InvalidInput).with_source(error))
    }
}

fn kind(error: &rusqlite::Error) -> StateErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::TypeMismatch) => {
            StateErrorKind::Corrupted
        }
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed,
        ) => StateErrorKind::Unavailable,
        Some(ErrorCode::DiskFull) => StateErrorKind::DiskSpace,
        Some(
            ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::AuthorizationForStatementDenied,
        ) => StateErrorKind::Permission,
        Some(ErrorCode::CannotOpen) => StateErrorKind::Unavailable,
        Some(ErrorCode::TooBig) => StateErrorKind::TooLarge,
        // A table or a column that is missing: the file is not as this library made it.
        Some(ErrorCode::Unknown) => StateErrorKind::Corrupted,
        _ => StateErrorKind::Other,
    }
}
