//! The error of all stores.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use media_types::ValueError;

/// The kind of a [`StorageError`], for code that decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StorageErrorKind {
    /// The media does not exist: it was deleted, has expired, or is outside of the expected scope.
    NotFound,
    /// The process or the credentials do not have permission.
    Permission,
    /// The disk is full, out of inodes, or over its quota.
    DiskSpace,
    /// The stored media is damaged: its hash or length does not match, or its sidecar is not readable.
    Corrupted,
    /// The reference is malformed, belongs to another store, or does not match the media that it names.
    InvalidRef,
    /// The media exceeds a size limit.
    TooLarge,
    /// The data of the caller is not valid: for example invalid base64, a wrong length, or a missing id.
    InvalidInput,
    /// The configuration of the store is not valid.
    Config,
    /// The store cannot be reached. A later attempt may succeed.
    Unavailable,
    /// The service limits the rate of requests. A later attempt may succeed; see
    /// [`StorageError::retry_after`].
    RateLimited,
    /// A quota of the store would be exceeded. Deleting media helps; waiting does not.
    QuotaExceeded,
    /// The caller cancelled the operation.
    Cancelled,
    /// The media is on hold and must not be deleted.
    Held,
    /// The store does not support the operation.
    Unsupported,
    /// Any other failure. The source of the error has the details.
    Other,
}

impl fmt::Display for StorageErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "media not found",
            Self::Permission => "permission denied",
            Self::DiskSpace => "no space left on the device",
            Self::Corrupted => "stored media is corrupted",
            Self::InvalidRef => "invalid reference",
            Self::TooLarge => "media too large",
            Self::InvalidInput => "invalid input",
            Self::Config => "invalid configuration",
            Self::Unavailable => "storage unavailable",
            Self::RateLimited => "rate limit exceeded",
            Self::QuotaExceeded => "quota exceeded",
            Self::Cancelled => "operation cancelled",
            Self::Held => "media is on hold",
            Self::Unsupported => "operation not supported",
            Self::Other => "unexpected failure",
        })
    }
}

/// The operation of a store that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Opening the store.
    Open,
    /// Storing media.
    Store,
    /// Reading media.
    Retrieve,
    /// Deleting one reference.
    Delete,
    /// Duplicating one reference.
    Duplicate,
    /// Changing the metadata of one reference.
    Update,
    /// Signing a URL.
    Sign,
    /// Listing references.
    List,
    /// Summing up what is stored.
    Usage,
    /// Deleting a scope.
    DeleteScope,
    /// Removing what is due.
    Sweep,
    /// Verifying what is stored.
    Verify,
    /// Writing a derived view.
    Export,
    /// Importing media from another store.
    Import,
    /// Closing the store.
    Close,
}

impl Operation {
    /// Returns what the operation works on, for errors that name no key.
    fn object(self) -> &'static str {
        match self {
            Self::Open | Self::Close | Self::Sweep | Self::Verify => " the store",
            Self::Store
            | Self::Retrieve
            | Self::Delete
            | Self::Duplicate
            | Self::Update
            | Self::List
            | Self::Import => " media",
            Self::Sign => " a URL",
            Self::Usage => " of the store",
            Self::DeleteScope | Self::Export => "",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Store => "store",
            Self::Retrieve => "retrieve",
            Self::Delete => "delete",
            Self::Duplicate => "duplicate",
            Self::Update => "update",
            Self::Sign => "sign",
            Self::List => "list",
            Self::Usage => "get the usage",
            Self::DeleteScope => "delete a scope",
            Self::Sweep => "sweep",
            Self::Verify => "verify",
            Self::Export => "export the index",
            Self::Import => "import",
            Self::Close => "close",
        })
    }
}

/// Error returned when an operation of a store fails.
///
/// The size is one word. `Display` names operation, key and backend, but never repeats the cause, which is
/// the [`source`](Error::source). Neither contains bytes, credentials or signed URLs. A path of the host
/// appears only if it is the one that the store was opened with.
///
/// ```
/// use media_storage::{Operation, StorageError, StorageErrorKind};
/// let error = StorageError::new(StorageErrorKind::NotFound, Operation::Retrieve)
///     .with_backend("file")
///     .with_key("session-1/conv-1/a.png");
/// assert_eq!(
///     error.to_string(),
///     "failed to retrieve `session-1/conv-1/a.png` (file store): media not found"
/// );
/// assert!(!error.is_retryable());
/// ```
pub struct StorageError(Box<Inner>);

struct Inner {
    kind: StorageErrorKind,
    operation: Operation,
    backend: Cow<'static, str>,
    key: Option<Box<str>>,
    reason: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StorageError {
    /// Creates an error of a kind in an operation.
    pub fn new(kind: StorageErrorKind, operation: Operation) -> Self {
        Self(Box::new(Inner {
            kind,
            operation,
            backend: Cow::Borrowed(""),
            key: None,
            reason: None,
            retry_after: None,
            source: None,
        }))
    }

    /// Sets the backend.
    #[must_use]
    pub fn with_backend(mut self, backend: impl Into<Cow<'static, str>>) -> Self {
        self.0.backend = backend.into();
        self
    }

    /// Sets the key in the store, or the path of the store. At most 200 characters are kept.
    #[must_use]
    pub fn with_key(mut self, key: impl AsRef<str>) -> Self {
        let shown: String = key.as_ref().escape_debug().take(200).collect();
        self.0.key = Some(shown.into());
        self
    }

    /// Sets the reason: what is wrong and, if possible, what helps. It must not contain secrets or bytes.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    /// Sets how long to wait before the next attempt. Defaults to unknown.
    #[must_use]
    pub fn with_retry_after(mut self, delay: Duration) -> Self {
        self.0.retry_after = Some(delay);
        self
    }

    /// Sets the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Sets the operation.
    #[must_use]
    pub fn with_operation(mut self, operation: Operation) -> Self {
        self.0.operation = operation;
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> StorageErrorKind {
        self.0.kind
    }

    /// Returns the operation.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Returns the backend, or an empty string if the error occurred before one was involved.
    pub fn backend(&self) -> &str {
        &self.0.backend
    }

    /// Returns the key of the media, or the path of the store, if one is concerned.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// Returns the reason, if more is known than the kind.
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Returns how long the service asked to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the error without its cause, for another caller that is answered with it too.
    pub(crate) fn without_source(&self) -> Self {
        let inner = &*self.0;
        Self(Box::new(Inner {
            kind: inner.kind,
            operation: inner.operation,
            backend: inner.backend.clone(),
            key: inner.key.clone(),
            reason: inner.reason.clone(),
            retry_after: inner.retry_after,
            source: None,
        }))
    }

    /// Whether the same call may succeed later, without any change.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            StorageErrorKind::Unavailable | StorageErrorKind::RateLimited
        )
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            kind,
            operation,
            backend,
            key,
            reason,
            ..
        } = &*self.0;
        write!(f, "failed to {operation}")?;
        match key.as_deref().filter(|key| !key.is_empty()) {
            Some(key) => write!(f, " `{key}`")?,
            None => f.write_str(operation.object())?,
        }
        if !backend.is_empty() {
            write!(f, " ({backend} store)")?;
        }
        write!(f, ": {kind}")?;
        if let Some(reason) = reason {
            write!(f, ": {reason}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageError")
            .field("kind", &self.0.kind)
            .field("operation", &self.0.operation)
            .field("backend", &self.0.backend)
            .field("key", &self.0.key)
            .field("reason", &self.0.reason)
            .field("retry_after", &self.0.retry_after)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for StorageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<ValueError> for StorageError {
    /// Converts the error of an invalid value that was to be stored.
    fn from(error: ValueError) -> Self {
        Self::new(StorageErrorKind::InvalidInput, Operation::Store).with_source(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_in_size_and_usable_across_threads() {
        fn assert_error<T: Error + Send + Sync + 'static>() {}
        assert_error::<StorageError>();
        assert_eq!(size_of::<StorageError>(), size_of::<usize>());
    }

    #[test]
    fn the_cause_is_not_repeated() {
        let cause = std::io::Error::other("the disk fell out");
        let error = StorageError::new(StorageErrorKind::Other, Operation::Store).with_source(cause);
        assert!(!error.to_string().contains("fell out"));
        assert!(error.source().unwrap().to_string().contains("fell out"));
    }

    #[test]
    fn hostile_keys_are_escaped() {
        let error = StorageError::new(StorageErrorKind::InvalidRef, Operation::Delete)
            .with_key(format!("\u{1b}[31m\n{}", "x".repeat(5000)));
        let text = error.to_string();
        assert!(
            text.len() < 400 && !text.chars().any(char::is_control),
            "{text}"
        );
    }
}
