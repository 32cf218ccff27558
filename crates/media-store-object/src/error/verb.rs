//! What a request does to an object.

/// What a request that failed was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Write,
    Delete,
    List,
}

impl Verb {
    /// Returns the verb as in "the credential may not read".
    pub(super) fn infinitive(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::List => "list",
        }
    }

    /// Returns the verb as in "failed to read an object".
    pub(super) fn failure(self) -> &'static str {
        match self {
            Self::Read => "failed to read an object",
            Self::Write => "failed to write an object",
            Self::Delete => "failed to delete an object",
            Self::List => "failed to list objects",
        }
    }
}
