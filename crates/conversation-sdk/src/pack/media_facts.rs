//! What is known of media before it is sent, and what a prompt has against it.

use std::fmt;
use std::time::Duration;

use media_types::Mime;

/// What is known of one item of media, for [`MediaConfig::check`](super::MediaConfig::check).
#[derive(Clone, Copy, Debug)]
pub struct MediaFacts<'a> {
    pub(super) mime: &'a Mime,
    pub(super) size: Option<u64>,
    pub(super) caption: bool,
    pub(super) metadata: bool,
    pub(super) duration: Option<Duration>,
    pub(super) pages: Option<u64>,
}

impl<'a> MediaFacts<'a> {
    /// Media of this MIME type, of which nothing else is known.
    #[must_use]
    pub fn new(mime: &'a Mime) -> Self {
        Self {
            mime,
            size: None,
            caption: false,
            metadata: false,
            duration: None,
            pages: None,
        }
    }

    /// Its decoded size in bytes.
    #[must_use]
    pub fn with_size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// Whether it has a caption.
    #[must_use]
    pub fn with_caption(mut self, present: bool) -> Self {
        self.caption = present;
        self
    }

    /// Whether it has a title or a description.
    #[must_use]
    pub fn with_metadata(mut self, present: bool) -> Self {
        self.metadata = present;
        self
    }

    /// How long it lasts.
    #[must_use]
    pub fn with_duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// How many pages it has.
    #[must_use]
    pub fn with_pages(mut self, pages: u64) -> Self {
        self.pages = Some(pages);
        self
    }
}

/// Which limit an item of media breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaViolationKind {
    /// The prompt takes no media.
    Disabled,
    /// The prompt does not take this type.
    UnsupportedType,
    /// The prompt takes the type in other formats.
    Format,
    /// The item has too many bytes.
    TooLarge,
    /// The message has more items of the type than the prompt takes; reported for each one too many.
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

/// An item of media that a prompt does not take, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaViolation {
    pub(super) index: usize,
    pub(super) kind: MediaViolationKind,
    pub(super) message: String,
}

impl MediaViolation {
    /// The place of the item among those that were checked, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Which limit it breaks.
    #[must_use]
    pub fn kind(&self) -> MediaViolationKind {
        self.kind
    }
}

impl fmt::Display for MediaViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "media item {}: {}", self.index + 1, self.message)
    }
}
