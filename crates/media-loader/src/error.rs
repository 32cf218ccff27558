//! The error of a load.

use std::error::Error;
use std::fmt;
use std::path::Path;

use media_storage::{StorageError, StorageErrorKind};
use media_types::Mime;

/// What went wrong, for code that decides what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The content is in a store, and the loader has none.
    NoStorage,
    /// The content is in a store that the loader does not have: another backend or another name.
    UnknownBackend,
    /// The content is in a file that the loader may not read.
    FileDenied,
    /// The content is in a file that is not there.
    FileNotFound,
    /// The content is in something that is no regular file: a directory, a pipe, a device.
    NotRegularFile,
    /// The file cannot be read, or changed while it was.
    File,
    /// The media is larger than the limit.
    TooLarge {
        /// The limit in bytes.
        limit: u64,
        /// The size in bytes, where it was known before the limit was reached.
        size: Option<u64>,
    },
    /// The content is at a URL, and this build fetches none: the feature `http` is off.
    UrlNotSupported,
    /// The content is at a URL, and the policy allows none.
    UrlDenied,
    /// The URL, or the one of a redirect, cannot be parsed, or has a user name or password.
    InvalidUrl,
    /// The scheme of the URL is not allowed, or a redirect leads from `https` to another.
    SchemeNotAllowed,
    /// The port of the URL is not allowed.
    PortNotAllowed,
    /// The host of the URL is not listed, or is internal by its name.
    HostNotAllowed,
    /// The address of the host, or one of several, is not public and not allowed.
    AddressNotAllowed,
    /// The host of the URL has no address.
    NameNotResolved,
    /// No connection to the host, or none that is secure.
    ConnectFailed,
    /// The server took longer than is allowed to connect, to go on, or in all.
    Timeout,
    /// The URL redirects more often than is allowed, or in a circle.
    TooManyRedirects,
    /// The server answered with this status instead of the media.
    HttpStatus(u16),
    /// The server sent an encoded body (gzip, say), which was not asked for.
    EncodedBody,
    /// The connection ended before the answer did.
    Interrupted,
    /// The answer is not HTTP, its headers are too many or too long, or it redirects to nowhere.
    InvalidResponse,
    /// The content is a file at a model provider; its bytes cannot be had.
    ProviderManaged,
    /// The bytes are not of the type that was declared.
    MimeMismatch {
        /// The type that was declared.
        declared: Mime,
        /// The type that the bytes show, or that the store recorded.
        found: Mime,
    },
    /// The store failed; the source tells. `NotFound` means that the media was deleted, has
    /// expired, or is outside the expected scope.
    Storage(StorageErrorKind),
    /// The content is in a form that this version does not know.
    Unsupported,
}

impl fmt::Display for LoadErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStorage => f.write_str("the loader has no storage"),
            Self::UnknownBackend => f.write_str("the loader does not have this storage"),
            Self::FileDenied => f.write_str("the loader may not read this file"),
            Self::FileNotFound => f.write_str("the file is not there"),
            Self::NotRegularFile => f.write_str("not a regular file"),
            Self::File => f.write_str("the file cannot be read"),
            Self::TooLarge {
                limit,
                size: Some(size),
            } => write!(f, "{size} bytes where {limit} are allowed"),
            Self::TooLarge { limit, size: None } => {
                write!(f, "more than the {limit} bytes that are allowed")
            }
            Self::UrlNotSupported => {
                f.write_str("URLs are not fetched; store the media, or give its bytes")
            }
            Self::UrlDenied => f.write_str("the loader may not fetch URLs"),
            Self::InvalidUrl => f.write_str("not a URL that can be fetched"),
            Self::SchemeNotAllowed => f.write_str("the scheme of the URL is not allowed"),
            Self::PortNotAllowed => f.write_str("the port of the URL is not allowed"),
            Self::HostNotAllowed => f.write_str("the host of the URL is not allowed"),
            Self::AddressNotAllowed => f.write_str("the address of the host is not allowed"),
            Self::NameNotResolved => f.write_str("the name of the host does not resolve"),
            Self::ConnectFailed => f.write_str("no connection to the host"),
            Self::Timeout => f.write_str("the server took too long"),
            Self::TooManyRedirects => f.write_str("too many redirects"),
            Self::HttpStatus(status) => write!(f, "the server answered with status {status}"),
            Self::EncodedBody => f.write_str("the server sent an encoded body"),
            Self::Interrupted => f.write_str("the connection ended before the answer did"),
            Self::InvalidResponse => f.write_str("the answer of the server is not valid"),
            Self::ProviderManaged => {
                f.write_str("the media is a file at a model provider, which alone can read it")
            }
            Self::MimeMismatch { declared, found } => {
                write!(f, "declared as {declared}, but the bytes are {found}")
            }
            Self::Storage(kind) => write!(f, "{kind}"),
            Self::Unsupported => f.write_str("this version does not know where the media is"),
        }
    }
}

/// A failure to load media: which media, and why.
///
/// One word in size. `Display` never repeats the cause, which is [`source`](Error::source), and
/// holds no bytes and no more of a URL than host and path.
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

    /// Names the media; text from outside is escaped and cut.
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

    /// What went wrong.
    pub fn kind(&self) -> &LoadErrorKind {
        &self.0.kind
    }

    /// The store's error, where a store failed.
    pub fn storage_error(&self) -> Option<&StorageError> {
        self.0
            .source
            .as_deref()
            .and_then(|source| source.downcast_ref())
    }

    /// Whether the media is not there any more: deleted, expired, outside the expected scope, a
    /// file that is gone, or a URL whose server says so (404, 410).
    pub fn is_missing(&self) -> bool {
        matches!(
            self.0.kind,
            LoadErrorKind::Storage(StorageErrorKind::NotFound)
                | LoadErrorKind::FileNotFound
                | LoadErrorKind::HttpStatus(404 | 410)
        )
    }

    /// Whether a later attempt may succeed without any change.
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
        f.write_str("loading media failed")?;
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
            "loading media failed for a\\n/b.png: storage unavailable"
        );
        assert!(error.is_retryable() && !error.is_missing());
        assert!(error.storage_error().is_some());
    }
}
