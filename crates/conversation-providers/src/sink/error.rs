//! The error of receiving media.

use std::error::Error;
use std::fmt;

/// The kind of a failure to receive media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SinkErrorKind {
    /// The turn has received more media than it may.
    TooLarge,
    /// The spool cannot be written or read: its directory is full, missing, or not writable.
    Spool,
    /// The source of the bytes failed.
    Source,
}

impl fmt::Display for SinkErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "received media exceeds the limit of the turn",
            Self::Spool => "failed to spool received media",
            Self::Source => "source of the media failed",
        })
    }
}

/// Error returned when media cannot be received.
#[derive(Debug)]
pub struct SinkError {
    kind: SinkErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl SinkError {
    pub(super) fn new(kind: SinkErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(super) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn spool(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(SinkErrorKind::Spool).with_source(source)
    }

    /// Returns the kind.
    pub fn kind(&self) -> SinkErrorKind {
        self.kind
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for SinkError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
