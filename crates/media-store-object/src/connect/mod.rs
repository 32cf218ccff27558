//! From URL, options and environment to a bucket that can be reached.

use media_storage::{Operation, StorageError, StorageErrorKind};

use crate::connection::{ConnectSettings, Connection};

/// Reaches no bucket yet, but says what is wrong with the settings.
pub(crate) fn connect(_settings: &ConnectSettings) -> Result<Connection, StorageError> {
    Err(StorageError::new(StorageErrorKind::Config, Operation::Open)
        .with_reason("no URL of a bucket was given"))
}
