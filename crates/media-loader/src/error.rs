//! The error of a loader.

use std::error::Error;
use std::fmt;
use std::path::Path;

use media_storage::{StorageError, StorageErrorKind};
use media_types::Mime;

/// The kind of a [`LoadError`], for code that decides what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The content is in a store, but the loader has no store.
    NoStorage,
    /// The content is in a store that the loader does not have: backend or name differ.
    UnknownBackend,
    /// The content is in a file that the loader is not allowed to read.
    FileDenied,
    /// The content is in a file that does not exist.
    FileNotFound,
    /// The content is not in a regular file but in a directory, a pipe or a device.
    NotRegularFile,
    /// The file cannot be read, or was changed while it was read.
    File,
    /// The media is larger than the limit.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
        /// The size in bytes, if it was known before the limit was reached.
        size: Option<u64>,
    },
    /// The content is at a URL, but the feature `http` is disabled.
    UrlNotSupported,
    /// The content is at a URL, but the policy allows none.
    UrlDenied,
    /// The URL, or that of a redirect, is not valid, or contains a user name or a password.
    InvalidUrl,
    /// The scheme of the URL is not allowed, or a redirect leads from `https` to another scheme.
    SchemeNotAllowed,
    /// The port of the URL is not allowed.
    PortNotAllowed,
    /// The host of the URL is not listed, or has an internal name.
    HostNotAllowed,
    /// An address of the host is neither public nor allowed.
    AddressNotAllowed,
    /// The host name of the URL cannot be resolved.
    NameNotResolved,
    /// The connection to the host failed, or is not secure.
    ConnectFailed,
    /// Connecting, waiting for the next bytes, or the whole download exceeded its time limit.
    Timeout,
    /// The URL redirects too often, or in a loop.
    TooManyRedirects,
    /// The server responded with this status instead of the media.
    HttpStatus(u16),
    /// The server sent an encoded body, such as gzip, that was not requested.
    EncodedBody,
    /// The connection was closed before the response was complete.
    Interrupted,
    /// The response is not valid HTTP, has too many or too long headers, or is a redirect without a target.
    InvalidResponse,
    /// The content is a file at a model provider, whose bytes are not available.
    ProviderManaged,
    /// The bytes do not have the declared type.
    MimeMismatch {
        /// The declared type.
        declared: Mime,
        /// The type that the bytes show, or that is stored.
        found: Mime,
    },
    /// The store failed; the source has the details. `NotFound` means that the media was deleted, has
    /// expired, or is outside of the expected scope.
    Storage(StorageErrorKind),
    /// The content has a source that this version does not support.
    Unsupported,
}

impl fmt::Display for LoadErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStorage => {
                f.write_str("its storage backend is not configured: the loader has no store")
            }
            Self::UnknownBackend => f.write_str("its storage backend is not configured"),
            Self::FileDenied => f.write_str("the loader is not allowed to read this file"),
            Self::FileNotFound => f.write_str("the file does not exist"),
            Self::NotRegularFile => f.write_str("not a regular file"),
            Self::File => f.write_str("the file cannot be read"),
            Self::TooLarge {
                limit,
                size: Some(size),
            } => write!(f, "{size} bytes where {limit} are allowed"),
            Self::TooLarge { limit, size: None } => {
                write!(f, "more than the {limit} bytes that are allowed")
            }
            Self::UrlNotSupported => f.write_str(
                "fetching URLs is disabled in this build; store the media or pass its bytes",
            ),
            Self::UrlDenied => f.write_str("the loader is not allowed to fetch URLs"),
            Self::InvalidUrl => f.write_str("the URL is not valid"),
            Self::SchemeNotAllowed => f.write_str("the scheme of the URL is not allowed"),
            Self::PortNotAllowed => f.write_str("the port of the URL is not allowed"),
            Self::HostNotAllowed => f.write_str("the host of the URL is not allowed"),
            Self::AddressNotAllowed => f.write_str("the address of the host is not allowed"),
            Self::NameNotResolved => f.write_str("the host name cannot be resolved"),
            Self::ConnectFailed => f.write_str("the connection to the host failed"),
            Self::Timeout => f.write_str("the server exceeded the time limit"),
            Self::TooManyRedirects => f.write_str("too many redirects"),
            Self::HttpStatus(status) => write!(f, "the server answered with status {status}"),
            Self::EncodedBody => f.write_str("the server sent an encoded body"),
            Self::Interrupted => {
                f.write_str("truncated response: the connection was closed before its end")
            }
            Self::InvalidResponse => f.write_str("the response of the server is not valid"),
            Self::ProviderManaged => f.write_str(
                "the media is a file at a model provider, and only the provider can read it",
            ),
            Self::MimeMismatch { declared, found } => {
                write!(f, "declared as {declared}, but the bytes are {found}")
            }
            Self::Storage(kind) => write!(f, "{kind}"),
            Self::Unsupported => {
                f.write_str("the source of the media is not supported by this version")
            }
        }
    }
}

/// Error returned when media cannot be loaded.
///
/// The size is one word. `Display` never repeats the cause, which is the [`source`](Error::source), and
/// contains neither bytes nor more of a URL than host and path.
pub struct LoadError(Box<Inner>);

struct Inner {
    kind: LoadErrorKind,
    what: Option<Box<str>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl LoadError {
    pub(crate) fn new(kind: LoadErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            what: None,
            source: None,
        }))
    }

    /// Sets the name of the media, escaped and shortened.
    pub(crate) fn with_what(mut self, what: &str) -> Self {
        let shown: String = what.escape_debug().take(200).collect();
        self.0.what = Some(shown.into());
        self
    }

    pub(crate) fn with_path(self, path: &Path) -> Self {
        self.with_what(&path.to_string_lossy())
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> &LoadErrorKind {
        &self.0.kind
    }

    /// Returns the error of the store, if a store failed.
    pub fn storage_error(&self) -> Option<&StorageError> {
        self.0
            .source
            .as_deref()
            .and_then(|source| source.downcast_ref())
    }

    /// Whether the media no longer exists: it was deleted, has expired, is outside of the expected scope, is a
    /// file that does not exist, or is at a URL with status 404 or 410.
    pub fn is_missing(&self) -> bool {
        matches!(
            self.0.kind,
            LoadErrorKind::Storage(StorageErrorKind::NotFound)
                | LoadErrorKind::FileNotFound
                | LoadErrorKind::HttpStatus(404 | 410)
        )
    }

    /// Whether a later attempt may succeed, without any change.
    pub fn is_retryable(&self) -> bool {
        match self.0.kind {
            LoadErrorKind::Storage(_) => {
                self.storage_error().is_some_and(StorageError::is_retryable)
            }
            LoadErrorKind::HttpStatus(status) => {
                matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
            }
            LoadErrorKind::NameNotResolved
            | LoadErrorKind::ConnectFailed
            | LoadErrorKind::Timeout
            | LoadErrorKind::Interrupted => true,
            _ => false,
        }
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed to load media")?;
        if let Some(what) = &self.0.what {
            write!(f, " for {what}")?;
        }
        write!(f, ": {}", self.0.kind)
    }
}

impl fmt::Debug for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadError")
            .field("kind", &self.0.kind)
            .field("what", &self.0.what)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for LoadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_storage::Operation;

    #[test]
    fn one_word_in_size_and_the_cause_is_told_once() {
        assert_eq!(size_of::<LoadError>(), size_of::<usize>());
        let cause = StorageError::new(StorageErrorKind::Unavailable, Operation::Retrieve)
            .with_backend("file")
            .with_reason("the disk fell out");
        let error = LoadError::new(LoadErrorKind::Storage(cause.kind()))
            .with_what("a\n/b.png")
            .with_source(cause);
        assert_eq!(
            error.to_string(),
            "failed to load media for a\\n/b.png: storage unavailable"
        );
        assert!(error.is_retryable() && !error.is_missing());
        assert!(error.storage_error().is_some());
    }
}
