//! What the externalizer did to messages.

use conversation_types::OmittedMedia;
use media_storage::StorageErrorKind;
use media_types::Mime;

use super::error::ExternalizeError;

/// A media item that was to be stored and is still where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InlineFallback {
    /// Position of the message in its conversation, from 0.
    pub message_index: u64,
    /// Position of the part in the message, from 0.
    pub content_index: u64,
    /// The MIME type.
    pub mime: Mime,
    /// Size in bytes, where it is known.
    pub size: Option<u64>,
    /// What the store answered; `None` where the media could not be read.
    pub storage_error: Option<StorageErrorKind>,
    /// The cause, for people.
    pub reason: String,
}

/// A media item whose bytes were not kept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OmittedItem {
    /// Position of the message in its conversation, from 0.
    pub message_index: u64,
    /// Position of the part in the message, from 0.
    pub content_index: u64,
    /// What stands in the message now.
    pub omitted: OmittedMedia,
}

/// A media item whose bytes show another type than was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypeCorrection {
    /// Position of the message in its conversation, from 0.
    pub message_index: u64,
    /// Position of the part in the message, from 0.
    pub content_index: u64,
    /// The type that was declared.
    pub declared: Mime,
    /// The type that the bytes show; the message has it now.
    pub found: Mime,
}

/// What was done to the messages of a batch.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct ExternalizeReport {
    /// How many references were made or, where an earlier call of the turn made them, used again.
    pub stored: usize,
    /// Media that is still inline or in its file.
    pub inline_fallbacks: Vec<InlineFallback>,
    /// Media whose bytes were not kept.
    pub omitted: Vec<OmittedItem>,
    /// Types that were corrected.
    pub corrections: Vec<TypeCorrection>,
    /// The first failure, where media is omitted or still inline.
    pub failure: Option<ExternalizeError>,
}
