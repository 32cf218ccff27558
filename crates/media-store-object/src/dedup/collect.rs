//! Removing bytes that no reference holds.

use media_storage::StorageError;

use super::{Driver, Hash, drive};
use crate::bucket::Version;
use crate::protocol::{
    Answer, CollectOutcome, CollectProtocol, FenceOutcome, FenceProtocol, Request, Token,
};

/// Removes the bytes of a hash if no reference holds them; whether it did.
pub(crate) async fn collect(hash: Hash) -> Result<bool, StorageError> {
    let bucket = hash.bucket.clone();
    let ended = drive(CollectProtocol::new(), &mut Collecting(hash)).await?;
    match ended.outcome {
        CollectOutcome::Collected => Ok(true),
        CollectOutcome::Failed => Err(ended.failure(&bucket)),
        _ => Ok(false),
    }
}

/// Removes generations that the record does not name and whose writers are gone; whether it did.
pub(crate) async fn fence(hash: Hash, orphans: Vec<Token>) -> Result<bool, StorageError> {
    let bucket = hash.bucket.clone();
    let ended = drive(FenceProtocol::new(orphans), &mut Collecting(hash)).await?;
    match ended.outcome {
        FenceOutcome::Cleared { generations } => Ok(generations > 0),
        FenceOutcome::Contended => Ok(false),
        FenceOutcome::Failed => Err(ended.failure(&bucket)),
    }
}

struct Collecting(Hash);

impl Driver for Collecting {
    async fn answer(&mut self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        self.0.answer(request).await
    }
}
