//! The error of the externalizer.

use std::error::Error;
use std::fmt;

use media_loader::LoadError;
use media_storage::{StorageError, StorageErrorKind};

/// What went wrong, for code that decides what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExternalizeErrorKind {
    /// The store failed.
    Storage(StorageErrorKind),
    /// The media cannot be read from where it is.
    Unreadable,
    /// The path of the file is not UTF-8, so that it cannot be kept in a message.
    PathNotUtf8,
    /// Nothing may be stored for the owner any more.
    NotAllowed,
}

/// A failure to move media out of a message: which media, and why.
///
/// `Display` names the position and never repeats the cause, which is [`source`](Error::source).
#[derive(Debug)]
pub struct ExternalizeError {
    kind: ExternalizeErrorKind,
    position: Option<(u64, u64)>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ExternalizeError {
    pub(super) fn storage(error: StorageError) -> Self {
        Self {
            kind: ExternalizeErrorKind::Storage(error.kind()),
            position: None,
            source: Some(error.into()),
        }
    }

    pub(super) fn unreadable(error: LoadError) -> Self {
        Self {
            kind: ExternalizeErrorKind::Unreadable,
            position: None,
            source: Some(error.into()),
        }
    }

    pub(super) fn path_not_utf8() -> Self {
        Self {
            kind: ExternalizeErrorKind::PathNotUtf8,
            position: None,
            source: None,
        }
    }

    pub(super) fn not_allowed() -> Self {
        Self {
            kind: ExternalizeErrorKind::NotAllowed,
            position: None,
            source: None,
        }
    }

    /// Names the position of the message in its conversation, and of the part in the message.
    pub(super) fn at(mut self, message: u64, part: usize) -> Self {
        self.position = Some((message, part as u64));
        self
    }

    /// Returns what went wrong.
    pub fn kind(&self) -> ExternalizeErrorKind {
        self.kind
    }

    /// Returns the position of the message in its conversation and of the part in the message.
    pub fn position(&self) -> Option<(u64, u64)> {
        self.position
    }

    /// Returns the store's error, where a store failed.
    pub fn storage_error(&self) -> Option<&StorageError> {
        self.source.as_deref()?.downcast_ref()
    }

    /// Returns the loader's error, where media cannot be read.
    pub fn load_error(&self) -> Option<&LoadError> {
        self.source.as_deref()?.downcast_ref()
    }
}

impl fmt::Display for ExternalizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed to store media")?;
        if let Some((message, part)) = self.position {
            write!(f, " of part {part} of message {message}")?;
        }
        match self.kind {
            ExternalizeErrorKind::Storage(kind) => write!(f, ": {kind}"),
            ExternalizeErrorKind::Unreadable => f.write_str(": it cannot be read"),
            ExternalizeErrorKind::PathNotUtf8 => f.write_str(": the file path is not UTF-8"),
            ExternalizeErrorKind::NotAllowed => f.write_str(": its owner is being erased"),
        }
    }
}

impl Error for ExternalizeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// Whether the store would refuse the same media again, so that repeating is of no use.
pub(super) fn is_permanent(kind: StorageErrorKind) -> bool {
    matches!(
        kind,
        StorageErrorKind::TooLarge | StorageErrorKind::InvalidInput | StorageErrorKind::Unsupported
    )
}
