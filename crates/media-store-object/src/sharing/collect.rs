//! Removing bytes that no reference holds.

use media_storage::StorageError;

use super::content::Content;
use super::driver::{Driver, drive};
use crate::bucket::Version;
use crate::protocol::{
    Answer, CollectOutcome, CollectProtocol, FenceOutcome, FenceProtocol, Nonce, Request,
};

/// Removes the bytes of a hash if no reference holds them. Returns whether they were removed.
pub(crate) async fn collect(content: Content) -> Result<bool, StorageError> {
    let bucket = content.bucket.clone();
    let ended = drive(CollectProtocol::new(), &ContentDriver(content)).await?;
    match ended.outcome {
        CollectOutcome::Collected => Ok(true),
        CollectOutcome::Failed => Err(ended.into_error(&bucket)),
        _ => Ok(false),
    }
}

/// Removes generations that were never published. Returns whether any was removed.
pub(crate) async fn fence(content: Content, orphans: Vec<Nonce>) -> Result<bool, StorageError> {
    let bucket = content.bucket.clone();
    let ended = drive(FenceProtocol::new(orphans), &ContentDriver(content)).await?;
    match ended.outcome {
        FenceOutcome::Cleared { generations } => Ok(generations > 0),
        FenceOutcome::Contended => Ok(false),
        FenceOutcome::Failed => Err(ended.into_error(&bucket)),
    }
}

struct ContentDriver(Content);

impl Driver for ContentDriver {
    async fn answer(&self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        self.0.answer(request).await
    }
}
