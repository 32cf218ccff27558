//! SQLite's errors as ours.

use std::path::PathBuf;

use rusqlite::ErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::super::{StateError, StateErrorKind};

/// Turns what fails on a file into errors that name it.
pub(super) struct Failures {
    path: Option<PathBuf>,
}

impl Failures {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path }
    }

    pub(super) fn named(&self, error: StateError) -> StateError {
        match &self.path {
            Some(path) => error.with_path(path),
            None => error,
        }
    }

    pub(super) fn error(&self, kind: StateErrorKind) -> StateError {
        self.named(StateError::new(kind))
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> StateError {
        self.error(StateErrorKind::Corrupted).with_detail(what)
    }

    pub(super) fn map<T>(&self, result: rusqlite::Result<T>) -> Result<T, StateError> {
        result.map_err(|error| self.error(kind(&error)).with_source(error))
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
            .map_err(|error| self.error(StateErrorKind::Other).with_source(error))
    }
}

fn kind(error: &rusqlite::Error) -> StateErrorKind {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::TypeMismatch) => {
            StateErrorKind::Corrupted
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StateErrorKind::Unavailable,
        Some(ErrorCode::DiskFull) => StateErrorKind::DiskSpace,
        Some(
            ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::AuthorizationForStatementDenied,
        ) => StateErrorKind::Permission,
        Some(ErrorCode::CannotOpen) => StateErrorKind::Config,
        // A table or a column that is not there: the file is not as this library made it.
        Some(ErrorCode::Unknown) => StateErrorKind::Corrupted,
        _ => StateErrorKind::Other,
    }
}
