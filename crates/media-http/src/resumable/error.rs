//! The error of spools and services that cannot be created, and that of uploads in a spool.

use std::fmt;

/// The kind of a [`ResumableError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResumableErrorKind {
    /// The base of uploads is neither an absolute path nor an absolute `http` or `https` URL.
    InvalidBase,
    /// Another process, or another spool of this one, has the directory open.
    InUse,
    /// The directory cannot be read or written.
    Directory,
}

/// Error returned when a spool cannot be opened or cleared, or a service cannot be created.
#[derive(Debug)]
pub struct ResumableError {
    kind: ResumableErrorKind,
    source: Option<std::io::Error>,
}

impl ResumableError {
    pub(super) fn new(kind: ResumableErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(super) fn directory(source: std::io::Error) -> Self {
        Self {
            kind: ResumableErrorKind::Directory,
            source: Some(source),
        }
    }

    /// Returns the kind.
    pub fn kind(&self) -> ResumableErrorKind {
        self.kind
    }
}

impl fmt::Display for ResumableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ResumableErrorKind::InvalidBase => {
                "invalid base of uploads: an absolute path or URL without query and fragment is needed"
            }
            ResumableErrorKind::InUse => {
                "failed to open the upload spool: its directory is in use; give each process its own"
            }
            ResumableErrorKind::Directory => "failed to read or write the directory of the upload spool",
        })
    }
}

impl std::error::Error for ResumableError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_ref()?;
        Some(source)
    }
}

/// Why an upload cannot begin or go on.
#[derive(Debug)]
pub(super) enum SpoolFailure {
    /// There is no such upload of this user, or it has expired.
    NotFound,
    /// The user has too many unfinished uploads.
    TooMany,
    /// The spool is full.
    Full,
    Io(std::io::Error),
}

impl From<std::io::Error> for SpoolFailure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
