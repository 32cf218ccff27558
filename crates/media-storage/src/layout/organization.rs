//! How the keys of a store are laid out.

use std::fmt;
use std::str::FromStr;

use super::segment::{CaseRule, encode_segment};
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::metadata::MediaMetadata;

/// How the keys of a store are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Organization {
    /// `<file>`: all media in one directory.
    Flat,
    /// `<conversation>/<file>`.
    ByConversation,
    /// `<session>/<conversation>/<file>`.
    #[default]
    BySession,
    /// `<run>/<session>/<conversation>/<file>`.
    ByRun,
}

impl Organization {
    /// All organizations.
    pub const ALL: [Self; 4] = [
        Self::Flat,
        Self::ByConversation,
        Self::BySession,
        Self::ByRun,
    ];

    /// Returns its name: `flat`, `by-conversation`, `by-session` or `by-run`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::ByConversation => "by-conversation",
            Self::BySession => "by-session",
            Self::ByRun => "by-run",
        }
    }

    /// Returns the number of directories above a media file.
    pub fn depth(self) -> usize {
        match self {
            Self::Flat => 0,
            Self::ByConversation => 1,
            Self::BySession => 2,
            Self::ByRun => 3,
        }
    }

    /// Returns the directories of media with this metadata, outermost first.
    ///
    /// # Errors
    /// `InvalidInput` if an id that the organization needs is missing. The error names it.
    pub fn directories(
        self,
        metadata: &MediaMetadata,
        case: CaseRule,
    ) -> Result<Vec<String>, StorageError> {
        let needed = |id: Option<&str>, what: &'static str| {
            id.map(|id| encode_segment(id, case)).ok_or_else(|| {
                StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
                    .with_reason(format!("the organization {self} requires a {what} id"))
            })
        };
        let run = || needed(metadata.run().map(AsRef::as_ref), "run");
        let session = || needed(metadata.session().map(AsRef::as_ref), "session");
        let conversation = || needed(metadata.conversation().map(AsRef::as_ref), "conversation");
        Ok(match self {
            Self::Flat => vec![],
            Self::ByConversation => vec![conversation()?],
            Self::BySession => vec![session()?, conversation()?],
            Self::ByRun => vec![run()?, session()?, conversation()?],
        })
    }
}

impl fmt::Display for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Organization {
    type Err = StorageError;

    fn from_str(s: &str) -> Result<Self, StorageError> {
        Self::ALL
            .into_iter()
            .find(|organization| organization.as_str() == s)
            .ok_or_else(|| {
                StorageError::new(StorageErrorKind::Config, Operation::Open).with_reason(
                    "unknown organization: expected flat, by-conversation, by-session or by-run",
                )
            })
    }
}
