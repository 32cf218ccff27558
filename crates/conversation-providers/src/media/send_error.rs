//! Media that fails while it is sent.

use std::error::Error;
use std::fmt;

use media_loader::{LoadError, LoadErrorKind};
use media_storage::{StorageError, StorageErrorKind};
use media_types::Mime;

/// Error returned when a media item cannot be sent as planned.
///
/// The request is not whole and must be discarded; the next one may carry a text in place of the
/// item ([`MediaPlan::amend`](super::MediaPlan::amend)).
#[derive(Debug)]
pub struct MediaSendError {
    index: usize,
    kind: MediaSendErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// The kind of a failure between planning and the last byte.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaSendErrorKind {
    /// The item is no longer there.
    Missing,
    /// Its size differs from the plan.
    Resized {
        /// The size in bytes by the plan.
        planned: u64,
        /// The size in bytes now.
        found: u64,
    },
    /// Its bytes show another type than planned.
    Retyped {
        /// The type that they show.
        found: Mime,
    },
    /// Its bytes are not those that were stored.
    Corrupted,
    /// It cannot be read now.
    Unreadable,
}

impl MediaSendError {
    pub(super) fn new(index: usize, kind: MediaSendErrorKind) -> Self {
        Self {
            index,
            kind,
            source: None,
        }
    }

    pub(super) fn from_load(index: usize, error: LoadError) -> Self {
        let kind = match error.kind() {
            LoadErrorKind::Storage(kind) => from_storage(*kind),
            LoadErrorKind::FileNotFound | LoadErrorKind::HttpStatus(404 | 410) => {
                MediaSendErrorKind::Missing
            }
            _ => MediaSendErrorKind::Unreadable,
        };
        Self {
            index,
            kind,
            source: Some(error.into()),
        }
    }

    pub(super) fn from_body(index: usize, error: StorageError) -> Self {
        Self {
            index,
            kind: from_storage(error.kind()),
            source: Some(error.into()),
        }
    }

    /// Returns the index of the item in the plan.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the kind.
    pub fn kind(&self) -> &MediaSendErrorKind {
        &self.kind
    }
}

fn from_storage(kind: StorageErrorKind) -> MediaSendErrorKind {
    match kind {
        StorageErrorKind::NotFound => MediaSendErrorKind::Missing,
        StorageErrorKind::Corrupted => MediaSendErrorKind::Corrupted,
        _ => MediaSendErrorKind::Unreadable,
    }
}

impl MediaSendErrorKind {
    /// The reason for the text that is sent instead.
    pub(super) fn omission_detail(&self) -> &'static str {
        match self {
            Self::Missing => "it is no longer available",
            Self::Resized { .. } | Self::Retyped { .. } => "it changed while it was sent",
            Self::Corrupted => "it is damaged",
            Self::Unreadable => "it could not be read",
        }
    }
}

impl fmt::Display for MediaSendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("not found"),
            Self::Resized { planned, found } => {
                write!(f, "size is {found} bytes, {planned} were planned")
            }
            Self::Retyped { found } => write!(f, "content is {found}"),
            Self::Corrupted => f.write_str("content does not match what was stored"),
            Self::Unreadable => f.write_str("failed to read"),
        }
    }
}

impl fmt::Display for MediaSendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "media item {} could not be sent: {}",
            self.index, self.kind
        )
    }
}

impl Error for MediaSendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
