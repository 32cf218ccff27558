//! The error of every store.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use media_types::ValueError;

/// What went wrong, for code that decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StorageErrorKind {
    /// The media is not there: deleted, expired, or outside the expected scope.
    NotFound,
    /// The process or the credential may not do this.
    Permission,
    /// Disk full, out of inodes, or over quota.
    DiskSpace,
    /// What is stored is not what was stored: wrong hash, wrong length, unreadable sidecar.
    Corrupted,
    /// The reference is malformed, of another store, or unlike the media that it names.
    InvalidRef,
    /// Larger than a limit allows.
    TooLarge,
    /// The caller's data is not usable: bad base64, a wrong length, a missing id.
    InvalidInput,
    /// The store is set up wrongly.
    Config,
    /// The store cannot be reached now; a later attempt may succeed.
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
    /// This store cannot do that.
    Unsupported,
    /// Anything else; the source tells.
    Other,
}

impl fmt::Display for StorageErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "media not found",
            Self::Permission => "permission denied",
            Self::DiskSpace => "no space left",
            Self::Corrupted => "stored media is corrupted",
            Self::InvalidRef => "invalid reference",
            Self::TooLarge => "too large",
            Self::InvalidInput => "invalid input",
            Self::Config => "wrong configuration",
            Self::Unavailable => "storage unavailable",
            Self::RateLimited => "rate limit exceeded",
            Self::QuotaExceeded => "quota exceeded",
            Self::Cancelled => "operation cancelled",
            Self::Held => "media is on hold",
            Self::Unsupported => "not supported",
            Self::Other => "unexpected failure",
        })
    }
}

/// What the store was asked to do.
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
    /// Checking what is stored.
    Verify,
    /// Writing a derived view.
    Export,
    /// Taking media over from another store.
    Import,
    /// Closing the store.
    Close,
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
            Self::Usage => "usage",
            Self::DeleteScope => "delete-scope",
            Self::Sweep => "sweep",
            Self::Verify => "verify",
            Self::Export => "export",
            Self::Import => "import",
            Self::Close => "close",
        })
    }
}

/// A failure of a store: what was attempted, where, and why.
///
/// One word in size. `Display` tells operation, backend and key but never repeats the cause, which
/// is [`source`](Error::source). Neither holds bytes, host paths outside the store, credentials or
/// signed URLs.
///
/// ```
/// use media_storage::{Operation, StorageError, StorageErrorKind};
/// let error = StorageError::new(StorageErrorKind::NotFound, Operation::Retrieve)
///     .with_backend("file")
///     .with_key("session-1/conv-1/a.png");
/// assert_eq!(error.to_string(), "retrieve from file failed for session-1/conv-1/a.png: media not found");
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
    /// A failure of a kind in an operation.
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

    /// Names the backend.
    #[must_use]
    pub fn with_backend(mut self, backend: impl Into<Cow<'static, str>>) -> Self {
        self.0.backend = backend.into();
        self
    }

    /// Names the key, relative to the store; at most 200 characters are kept.
    #[must_use]
    pub fn with_key(mut self, key: impl AsRef<str>) -> Self {
        let shown: String = key.as_ref().escape_debug().take(200).collect();
        self.0.key = Some(shown.into());
        self
    }

    /// Says in a few words what is wrong. No secrets, no bytes.
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

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same failure seen from another operation.
    #[must_use]
    pub fn with_operation(mut self, operation: Operation) -> Self {
        self.0.operation = operation;
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> StorageErrorKind {
        self.0.kind
    }

    /// What was attempted.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// Which backend failed; empty where the failure came before one was chosen.
    pub fn backend(&self) -> &str {
        &self.0.backend
    }

    /// Which media was concerned, where that is known.
    pub fn key(&self) -> Option<&str> {
        self.0.key.as_deref()
    }

    /// What is wrong, in a few words, where more is known than the kind.
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Returns how long the service asked to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the same call may succeed later without any change.
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
        write!(f, "{operation}")?;
        if !backend.is_empty() {
            let word = match operation {
                Operation::Retrieve | Operation::Delete => "from",
                Operation::Open | Operation::Close => "of",
                _ => "in",
            };
            write!(f, " {word} {backend}")?;
        }
        f.write_str(" failed")?;
        if let Some(key) = key {
            write!(f, " for {key}")?;
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
    /// A value that the caller gave for storing and that has not its form.
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
    fn the_cause_is_told_once() {
        let cause = std::io::Error::other("the disk fell out");
        let error = StorageError::new(StorageErrorKind::Other, Operation::Store).with_source(cause);
        assert!(!error.to_string().contains("fell out"));
        assert!(error.source().unwrap().to_string().contains("fell out"));
    }

    #[test]
    fn hostile_keys_are_tamed() {
        let error = StorageError::new(StorageErrorKind::InvalidRef, Operation::Delete)
            .with_key(format!("\u{1b}[31m\n{}", "x".repeat(5000)));
        let text = error.to_string();
        assert!(
            text.len() < 400 && !text.chars().any(char::is_control),
            "{text}"
        );
    }
}
