//! Ids of references.

use media_storage::layout::{FileName, parse_media_key};

/// A parsed id of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MediaKey {
    id: Box<str>,
    file: FileName,
}

impl MediaKey {
    /// Parses an id; `None` if it cannot be the id of media.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (_, file) = parse_media_key(id)?;
        Some(Self {
            id: id.into(),
            file,
        })
    }

    /// Returns the whole id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the first six digits of the hash, as the id contains them.
    pub(crate) fn digits(&self) -> &str {
        self.file.as_str().get(..6).unwrap_or_default()
    }

    /// Returns the token of the id.
    pub(crate) fn token(&self) -> &str {
        self.file.id()
    }

    /// Returns the directories above the file, the outermost first.
    pub(crate) fn directories(&self) -> Vec<&str> {
        let mut segments: Vec<&str> = self.id.split('/').collect();
        segments.pop();
        segments
    }
}
