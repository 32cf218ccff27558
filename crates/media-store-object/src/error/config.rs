//! Errors of settings.

use std::borrow::Cow;

use media_storage::{Operation, StorageError, StorageErrorKind};

/// Creates the error of a setting that cannot be used. The reason must not repeat a value that may
/// be secret.
pub(crate) fn config_error(reason: impl Into<Cow<'static, str>>) -> StorageError {
    StorageError::new(StorageErrorKind::Config, Operation::Open).with_reason(reason)
}
