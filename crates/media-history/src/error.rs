//! The error of every operation on a history.

use std::error::Error;
use std::fmt;

use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::StorageReference;

/// What went wrong, for code that decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HistoryErrorKind {
    /// The history is not set up: no scope, a short key, metadata outside the scope, a store that no
    /// handle was given for.
    Config,
    /// The history names media that is gone, or that belongs to another scope.
    Missing,
    /// Stored media is not what the placeholder says, or does not have its stored hash.
    Corrupted,
    /// The store failed; [`HistoryError::is_retryable`] says whether a later attempt may succeed.
    Storage,
    /// The history could not be read.
    Read,
    /// The result could not be written.
    Write,
    /// The temporary file for a large value could not be written or read.
    Spool,
    /// A typed value could not be turned into JSON or back.
    Typed,
    /// The file is refused as it is: a link, or a file that changed a moment ago or is being rewritten
    /// by another run.
    Refused,
    /// The file was changed by another program in a way that cannot be merged, or is kept open for
    /// writing.
    Changed,
}

impl fmt::Display for HistoryErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "invalid configuration",
            Self::Missing => "media not found",
            Self::Corrupted => "stored media is corrupted",
            Self::Storage => "storage failed",
            Self::Read => "history cannot be read",
            Self::Write => "result cannot be written",
            Self::Spool => "temporary file failed",
            Self::Typed => "value does not convert",
            Self::Refused => "file refused",
            Self::Changed => "file changed",
        })
    }
}

/// What was attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HistoryOperation {
    /// Moving media out of a history.
    Externalize,
    /// Putting media back into a history.
    Restore,
    /// Checking what a history names.
    Check,
    /// Deleting what a history names.
    Forget,
    /// Copying what a history names.
    Fork,
}

impl fmt::Display for HistoryOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Externalize => "externalize",
            Self::Restore => "restore",
            Self::Check => "check",
            Self::Forget => "forget",
            Self::Fork => "fork",
        })
    }
}

/// A failure of an operation on a history: what was attempted, where, and why.
///
/// `Display` never repeats the cause, which is [`source`](Error::source), and never shows text of the
/// history other than the path of a value.
pub struct HistoryError(Box<Inner>);

struct Inner {
    kind: HistoryErrorKind,
    operation: HistoryOperation,
    reason: Option<&'static str>,
    path: Option<String>,
    reference: Option<StorageReference>,
    stored: Vec<StorageReference>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl HistoryError {
    pub(crate) fn new(kind: HistoryErrorKind, operation: HistoryOperation) -> Self {
        Self(Box::new(Inner {
            kind,
            operation,
            reason: None,
            path: None,
            reference: None,
            stored: Vec::new(),
            source: None,
        }))
    }

    /// A failure of a store, of the kind that it means for a history.
    pub(crate) fn storage(operation: HistoryOperation, error: StorageError) -> Self {
        let kind = match error.kind() {
            StorageErrorKind::NotFound => HistoryErrorKind::Missing,
            StorageErrorKind::Corrupted => HistoryErrorKind::Corrupted,
            StorageErrorKind::Config => HistoryErrorKind::Config,
            _ => HistoryErrorKind::Storage,
        };
        Self::new(kind, operation).with_source(error)
    }

    pub(crate) fn with_reason(mut self, reason: &'static str) -> Self {
        self.0.reason = Some(reason);
        self
    }

    pub(crate) fn with_path(mut self, path: String) -> Self {
        self.0.path = Some(path);
        self
    }

    pub(crate) fn with_reference(mut self, reference: StorageReference) -> Self {
        self.0.reference = Some(reference);
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_stored(mut self, stored: Vec<StorageReference>) -> Self {
        self.0.stored = stored;
        self
    }

    pub(crate) fn take_stored(&mut self) -> Vec<StorageReference> {
        std::mem::take(&mut self.0.stored)
    }

    /// Returns what went wrong.
    pub fn kind(&self) -> HistoryErrorKind {
        self.0.kind
    }

    /// Returns what was attempted.
    pub fn operation(&self) -> HistoryOperation {
        self.0.operation
    }

    /// Returns the path of the value concerned, a JSON Pointer, where one value is concerned.
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// Returns the reference concerned, where one is.
    pub fn reference(&self) -> Option<&StorageReference> {
        self.0.reference.as_ref()
    }

    /// Returns references that a stream stored before it failed and whose placeholders it wrote, the
    /// first 10,000: the text that was written names all. They belong to whoever keeps or drops that
    /// text.
    pub fn stored(&self) -> &[StorageReference] {
        &self.0.stored
    }

    /// Whether the same call may succeed later without any change.
    pub fn is_retryable(&self) -> bool {
        self.storage_error().is_some_and(StorageError::is_retryable)
    }

    /// Returns the store's own error, where the store failed.
    pub fn storage_error(&self) -> Option<&StorageError> {
        self.0.source.as_deref()?.downcast_ref()
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "failed to {}", inner.operation)?;
        if let Some(path) = &inner.path {
            write!(f, " at `{path}`")?;
        }
        write!(f, ": {}", inner.kind)?;
        if let Some(reason) = inner.reason {
            write!(f, ": {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistoryError")
            .field("kind", &self.0.kind)
            .field("operation", &self.0.operation)
            .field("reason", &self.0.reason)
            .field("path", &self.0.path)
            .field("reference", &self.0.reference)
            .field("stored", &self.0.stored.len())
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for HistoryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

/// A failure inside a body, whose readers know the store's errors.
pub(crate) fn into_storage(error: HistoryError) -> StorageError {
    let kind = match error.kind() {
        HistoryErrorKind::Missing => StorageErrorKind::NotFound,
        HistoryErrorKind::Corrupted => StorageErrorKind::Corrupted,
        HistoryErrorKind::Config => StorageErrorKind::Config,
        _ if error.is_retryable() => StorageErrorKind::Unavailable,
        _ => StorageErrorKind::Other,
    };
    StorageError::new(kind, Operation::Retrieve)
        .with_reason("the history cannot be restored")
        .with_source(error)
}
