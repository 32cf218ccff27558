//! The error of receiving.

use std::error::Error;
use std::fmt;

/// What went wrong while media was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReceiveErrorKind {
    /// The turn has received more than its spools may hold.
    TooLarge,
    /// The spool cannot be written or read: its directory is full, not there, or not writable.
    Spool,
    /// The bytes broke off on their way here.
    Source,
}

impl fmt::Display for ReceiveErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "more media than a turn may receive",
            Self::Spool => "the spool for received media failed",
            Self::Source => "the media broke off",
        })
    }
}

/// A failure to receive media.
#[derive(Debug)]
pub struct ReceiveError {
    kind: ReceiveErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ReceiveError {
    pub(super) fn new(kind: ReceiveErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(super) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(super) fn spool(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ReceiveErrorKind::Spool).with_source(source)
    }

    /// What went wrong.
    pub fn kind(&self) -> ReceiveErrorKind {
        self.kind
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for ReceiveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
