//! Media that a turn has received, for the externalizer.

use conversation_externalizer::{ReceivedInfo, ReceivedLookup};
use conversation_providers::sink::{ReceivedMedia, Spool};
use media_storage::MediaBody;
use media_types::{MediaContent, Mime, StorageReference};

/// Finds the media that a turn has received through its sink.
#[derive(Debug)]
pub(super) struct ReceivedByTurn<'a>(pub(super) &'a ReceivedMedia);

impl ReceivedByTurn<'_> {
    fn spool(&self, reference: &StorageReference) -> Option<Spool> {
        let content = MediaContent::from_reference(Mime::OCTET_STREAM, reference.clone());
        self.0.spool(&content)
    }
}

impl ReceivedLookup for ReceivedByTurn<'_> {
    fn find(&self, reference: &StorageReference) -> Option<ReceivedInfo> {
        let spool = self.spool(reference)?;
        Some(ReceivedInfo::new(spool.len(), spool.sha256()))
    }

    fn open(&self, reference: &StorageReference) -> Option<MediaBody> {
        self.spool(reference).map(|spool| spool.body())
    }
}
