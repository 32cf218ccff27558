//! Errors of values.

use std::borrow::Cow;
use std::fmt;

/// The kind of a value that is not valid.
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

/// Error returned when a value is not valid.
///
/// The message says what is wrong, but never contains the value itself: a URL may contain a signature,
/// and an id may contain a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind}: {reason}")]
pub struct ValueError {
    kind: ValueKind,
    reason: Cow<'static, str>,
}

impl ValueError {
    /// Creates an error from the kind of value and a reason, which must not contain the value.
    pub fn new(kind: ValueKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            reason: reason.into(),
        }
    }

    /// The kind of a value that is not valid.
    pub fn kind(&self) -> ValueKind {
        self.kind
    }

    /// Returns the reason.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Error returned when base64 text is not valid.
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

    /// Returns the error for a longer text whose payload starts at `by`.
    pub(crate) fn shifted(self, by: u64) -> Self {
        Self {
            offset: self.offset + by,
            ..self
        }
    }

    /// Returns the offset of the first fault in the text, in bytes from 0.
    pub fn offset(&self) -> u64 {
        self.offset
    }
}

/// Error returned when media content is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentError {
    /// The inline data is not valid base64.
    #[error("the inline data is not valid base64")]
    Base64(#[from] Base64Error),
    /// A field of the content is not valid.
    #[error("a field of the content is not valid")]
    Value(#[from] ValueError),
}
