//! SQLite's errors as ours.

use rusqlite::ErrorCode;

use crate::error::{StateError, StateErrorKind};
use crate::failures::Failures;

impl Failures {
    pub(super) fn map<T>(&self, result: rusqlite::Result<T>) -> Result<T, StateError> {
        result.map_err(|error| self.kind(kind(&error)).with_source(error))
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
