//! The error of every state store.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// What went wrong in a state store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StateErrorKind {
    /// The conversation has another version than was expected; nothing was written.
    Conflict,
    /// There is no such conversation.
    NotFound,
    /// What is stored cannot be read.
    Corrupted,
    /// What is stored was written by a newer version of this library.
    TooNew,
    /// The process may not read or write the store.
    Permission,
    /// The disk is full.
    DiskSpace,
    /// The store cannot be used now: busy, or not reachable.
    Unavailable,
    /// The store is set up wrongly.
    Config,
    /// Anything else; the source tells.
    Other,
}

impl StateErrorKind {
    fn text(self) -> &'static str {
        match self {
            Self::Conflict => "the conversation has another version by now",
            Self::NotFound => "there is no such conversation",
            Self::Corrupted => "the conversation state is damaged",
            Self::TooNew => "the conversation state was written by a newer version",
            Self::Permission => "the conversation state may not be read or written",
            Self::DiskSpace => "no space is left for the conversation state",
            Self::Unavailable => "the conversation state cannot be reached now",
            Self::Config => "the state store is set up wrongly",
            Self::Other => "the state store failed unexpectedly",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Self::Conflict => "Read the conversation again and repeat the turn",
            Self::NotFound => "Start a new conversation",
            Self::Corrupted => "Restore the state from a backup, or move it away to start anew",
            Self::TooNew => "Use the version of the program that wrote it, or a newer one",
            Self::Permission => "Check the owner and the permissions of the state",
            Self::DiskSpace => "Free some space and send again",
            Self::Unavailable => "Try again; check that no other program keeps the state locked",
            Self::Config => "Correct how the state store is opened",
            Self::Other => "See the cause",
        }
    }
}

/// A failure of a state store. One word in size; no text of a conversation in any message.
pub struct StateError(Box<Inner>);

struct Inner {
    kind: StateErrorKind,
    path: Option<PathBuf>,
    detail: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StateError {
    /// A failure of a kind.
    pub fn new(kind: StateErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            path: None,
            detail: None,
            source: None,
        }))
    }

    /// Names the file.
    #[must_use]
    pub fn with_path(mut self, path: impl AsRef<Path>) -> Self {
        self.0.path = Some(path.as_ref().to_owned());
        self
    }

    /// Says more than the kind does, in a few words.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> StateErrorKind {
        self.0.kind
    }

    /// The file, where the state is one.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What to do about it: one sentence without a full stop.
    pub fn hint(&self) -> &str {
        self.0.kind.hint()
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.kind.text())?;
        if let Some(path) = &self.0.path {
            write!(f, " ({})", path.to_string_lossy().escape_debug())?;
        }
        match &self.0.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateError")
            .field("kind", &self.0.kind)
            .field("path", &self.0.path)
            .field("detail", &self.0.detail)
            .field("source", &self.0.source)
            .finish()
    }
}

impl Error for StateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
