//! Media that a turn has received and not yet stored.

use std::fmt::Debug;

use media_storage::MediaBody;
use media_types::{Sha256, StorageReference};

/// Finds the bytes of media that was received in this turn.
///
/// Such media is in a spool that is gone after the turn; messages refer to it by references of a
/// backend of its own.
pub trait ReceivedLookup: Debug + Send + Sync {
    /// Returns size and hash of received media, or `None` for a reference to something else.
    fn find(&self, reference: &StorageReference) -> Option<ReceivedInfo>;

    /// Opens received media, as often as it is asked for.
    fn open(&self, reference: &StorageReference) -> Option<MediaBody>;
}

/// Size and hash of received media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedInfo {
    /// Size in bytes.
    pub size: u64,
    /// Hash of the bytes.
    pub sha256: Sha256,
}

impl ReceivedInfo {
    /// Creates the size in bytes and the hash of received media.
    pub fn new(size: u64, sha256: Sha256) -> Self {
        Self { size, sha256 }
    }
}

/// The lookup of a turn that has received nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingReceived;

impl ReceivedLookup for NothingReceived {
    fn find(&self, _: &StorageReference) -> Option<ReceivedInfo> {
        None
    }

    fn open(&self, _: &StorageReference) -> Option<MediaBody> {
        None
    }
}
