//! The one error for values that do not parse.

use std::borrow::Cow;
use std::fmt;

/// Which kind of value was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueKind {
    /// A MIME type.
    Mime,
    /// A media type word (`image`, `audio`, `video`, `document`).
    MediaType,
    /// A conversation, session, run or user id.
    Id,
    /// A storage key.
    Key,
    /// A URL.
    Url,
    /// A SHA-256 hash.
    Sha256,
    /// A storage reference.
    Reference,
    /// A file id of a provider.
    ProviderFile,
    /// Media content.
    Content,
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mime => "MIME type",
            Self::MediaType => "media type",
            Self::Id => "id",
            Self::Key => "storage key",
            Self::Url => "URL",
            Self::Sha256 => "SHA-256 hash",
            Self::Reference => "storage reference",
            Self::ProviderFile => "provider file",
            Self::Content => "media content",
        })
    }
}

/// A value from outside that does not have the form it must have.
///
/// The text names the kind of value and what is wrong with it, never the value itself: a URL may
/// carry a signature and an id may carry a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind}: {reason}")]
pub struct ValueError {
    kind: ValueKind,
    reason: Cow<'static, str>,
}

impl ValueError {
    /// Creates an error about a kind of value, with what is wrong with it. The reason must not quote
    /// the value.
    pub fn new(kind: ValueKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
    }

    /// Which kind of value was refused.
    pub fn kind(&self) -> ValueKind {
        self.kind
    }

    /// What is wrong with it.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Base64 text that does not decode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid base64 at byte {offset}: {reason}")]
pub struct Base64Error {
    offset: u64,
    reason: &'static str,
}

impl Base64Error {
    pub(crate) fn new(offset: u64, reason: &'static str) -> Self {
        Self { offset, reason }
    }

    /// The same fault in a longer text whose payload starts at `by`.
    pub(crate) fn shifted(self, by: u64) -> Self {
        Self {
            offset: self.offset + by,
            ..self
        }
    }

    /// Where in the text the first fault lies, counted in bytes from 0.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// Media content that cannot be made from what was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The inline data is not base64.
    #[error("the inline data does not decode")]
    Base64(#[from] Base64Error),
    /// A part of the content does not have its form.
    #[error("a field of the content is not valid")]
    Value(#[from] ValueError),
}
