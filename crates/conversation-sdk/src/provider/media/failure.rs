//! Media that fails while it is sent.

use std::error::Error;
use std::fmt;

use media_loader::{LoadError, LoadErrorKind};
use media_storage::{StorageError, StorageErrorKind};
use media_types::Mime;

/// A medium of a request that could not be sent as planned. What was sent of the request is to be
/// thrown away; the next may carry a note in place of the medium ([`MediaPlan::amend`]).
///
/// [`MediaPlan::amend`]: super::MediaPlan::amend
#[derive(Debug)]
pub struct MediaSendError {
    index: usize,
    kind: MediaSendErrorKind,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What happened between planning and the last byte.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MediaSendErrorKind {
    /// It is no longer there.
    Missing,
    /// It has another size than when the request was planned.
    Resized {
        /// The size in bytes by the plan.
        planned: u64,
        /// The size in bytes now.
        found: u64,
    },
    /// Its bytes show another type than the one that was planned.
    Retyped {
        /// The type that they show.
        found: Mime,
    },
    /// Its bytes are not those that were stored.
    Damaged,
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

    pub(super) fn of_load(index: usize, error: LoadError) -> Self {
        let kind = match error.kind() {
            LoadErrorKind::Storage(kind) => of_storage(*kind),
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

    pub(super) fn of_body(index: usize, error: StorageError) -> Self {
        Self {
            index,
            kind: of_storage(error.kind()),
            source: Some(error.into()),
        }
    }

    /// Which medium of the plan.
    pub fn index(&self) -> usize {
        self.index
    }

    /// What happened.
    pub fn kind(&self) -> &MediaSendErrorKind {
        &self.kind
    }
}

fn of_storage(kind: StorageErrorKind) -> MediaSendErrorKind {
    match kind {
        StorageErrorKind::NotFound => MediaSendErrorKind::Missing,
        StorageErrorKind::Corrupted => MediaSendErrorKind::Damaged,
        _ => MediaSendErrorKind::Unreadable,
    }
}

impl MediaSendErrorKind {
    /// For the note that is sent instead.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "it is no longer available",
            Self::Resized { .. } | Self::Retyped { .. } => "it changed while it was sent",
            Self::Damaged => "it is damaged",
            Self::Unreadable => "it could not be read",
        }
    }
}

impl fmt::Display for MediaSendErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it is no longer there"),
            Self::Resized { planned, found } => {
                write!(f, "it has {found} bytes where {planned} were planned")
            }
            Self::Retyped { found } => write!(f, "its bytes are {found}"),
            Self::Damaged => f.write_str("its bytes are not those that were stored"),
            Self::Unreadable => f.write_str("it cannot be read"),
        }
    }
}

impl fmt::Display for MediaSendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "media number {} could not be sent: {}",
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
