//! What a prompt has against a media item.

use std::fmt;

/// The limit that a media item breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaViolationKind {
    /// The prompt takes no media.
    Disabled,
    /// The prompt does not take this type of media.
    UnsupportedType,
    /// The prompt takes this type of media in other formats.
    UnsupportedFormat,
    /// The item has too many bytes.
    TooLarge,
    /// The message has more items of the type than the prompt takes; reported for each one beyond.
    TooMany,
    /// The item lasts too long.
    TooLong,
    /// The item has too many pages.
    TooManyPages,
    /// The item has no caption.
    CaptionMissing,
    /// The item has neither title nor description.
    MetadataMissing,
}

/// A media item that a prompt does not take, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MediaViolation {
    /// The position of the item among those that were checked, from 0.
    pub index: usize,
    /// The limit that the item breaks.
    pub kind: MediaViolationKind,
    /// What breaks the limit.
    pub reason: String,
}

impl fmt::Display for MediaViolation {
    /// Counts the items from 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "media item {}: {}", self.index + 1, self.reason)
    }
}
