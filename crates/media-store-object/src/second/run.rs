//! Driving the protocols of one reference against a bucket.

use media_storage::backend::CancelFlag;
use media_storage::{Sidecar, StorageError, StorageErrorKind};

use super::content::SecondContent;
use super::driver::{MarkerDriver, ReferenceDriver};
use super::reference::{ReferenceObjects, Upload};
use crate::body::Payload;
use crate::bucket::{Bucket, MarkerState, PartOptions, SecondKeys, SecondMarker, Version};
use crate::protocol::v2::{
    DeleteOutcome, DeleteProtocol, HealOutcome, HealProtocol, ImportProtocol, RetireOutcome,
    RetireProtocol, StoreProtocol, TombstoneOutcome, TombstoneProtocol,
};
use crate::protocol::{
    Answer, CollectOutcome, CollectProtocol, FenceOutcome, FenceProtocol, Nonce, Protocol,
    SidecarState, StoreOutcome,
};
use crate::reference::sidecar::{SidecarRead, read_any};
use crate::sharing::{Ended, drive};

/// One attempt to store bytes under a reference.
pub(crate) struct SecondStore<'a> {
    pub(crate) content: SecondContent,
    pub(crate) objects: ReferenceObjects,
    pub(crate) sidecar: &'a Sidecar,
    pub(crate) payload: &'a Payload,
    pub(crate) parts: PartOptions,
    pub(crate) cancelled: &'a CancelFlag,
    /// A generation that was live when this process last saw it.
    pub(crate) remembered: Option<Nonce>,
}

/// Outcome of an attempt.
#[derive(Debug)]
pub(crate) enum SecondAttempt {
    Stored {
        generation: Nonce,
        /// Whether the bytes were written by this attempt.
        new: bool,
    },
    /// The reference is buried. An attempt under another reference can succeed; the error, if a
    /// request failed.
    Busy(Option<StorageError>),
}

/// Makes one attempt. If it is not acknowledged, the reference is buried, unless requests fail.
pub(crate) async fn store(attempt: SecondStore<'_>) -> Result<SecondAttempt, StorageError> {
    let size = attempt.sidecar.size_bytes;
    let protocol = match attempt.remembered {
        Some(generation) => StoreProtocol::joining(size, generation),
        None => StoreProtocol::new(size),
    };
    attempt.run(protocol).await
}

/// Makes one attempt to import media. If it is not acknowledged, what it wrote is left to the import
/// that repeats it, and to sweeps.
pub(crate) async fn import(attempt: SecondStore<'_>) -> Result<SecondAttempt, StorageError> {
    let protocol = ImportProtocol::new(attempt.sidecar.size_bytes);
    attempt.run(protocol).await
}

impl SecondStore<'_> {
    async fn run<P>(self, protocol: P) -> Result<SecondAttempt, StorageError>
    where
        P: Protocol<Version, Outcome = StoreOutcome> + Send,
    {
        let bucket = self.content.bucket.clone();
        let driver = ReferenceDriver {
            sidecar: Some(self.sidecar),
            upload: Some(Upload {
                payload: self.payload,
                len: self.sidecar.size_bytes,
                parts: self.parts,
                cancelled: self.cancelled,
            }),
            ..ReferenceDriver::new(self.content, self.objects)
        };
        let ended = drive(protocol, &driver).await?;
        match ended.outcome {
            StoreOutcome::Stored { generation, new } => {
                Ok(SecondAttempt::Stored { generation, new })
            }
            StoreOutcome::Busy => Ok(SecondAttempt::Busy(ended.failure)),
            StoreOutcome::OtherSize => Err(bucket
                .fail(StorageErrorKind::Corrupted)
                .with_reason("the hash record of a blob names another size")),
            StoreOutcome::Failed => Err(ended.into_error(&bucket)),
        }
    }
}

/// Deletes a reference.
pub(crate) async fn bury(
    content: SecondContent,
    objects: ReferenceObjects,
    generation: Nonce,
) -> Result<(), StorageError> {
    let ended = on_reference(DeleteProtocol::new(generation), content, objects, None).await?;
    match ended.0.outcome {
        DeleteOutcome::Deleted => Ok(()),
        DeleteOutcome::Failed => Err(ended.error()),
    }
}

/// Retires a sidecar that has no sealed marker.
///
/// # Errors
/// A request failed. [`RetireOutcome::Failed`] is not returned.
pub(crate) async fn retire(
    content: SecondContent,
    objects: ReferenceObjects,
    generation: Nonce,
) -> Result<RetireOutcome, StorageError> {
    let ended = on_reference(RetireProtocol::new(generation), content, objects, None).await?;
    match ended.0.outcome {
        RetireOutcome::Failed => Err(ended.error()),
        outcome => Ok(outcome),
    }
}

/// Retires a provisional marker.
pub(crate) async fn retire_marker(
    bucket: &Bucket,
    keys: &SecondKeys,
    marker: &SecondMarker,
) -> Result<(), StorageError> {
    let driver = MarkerDriver {
        bucket,
        keys,
        marker,
    };
    let ended = drive(RetireProtocol::marker(marker.generation), &driver).await?;
    match ended.outcome {
        RetireOutcome::Failed => Err(ended.into_error(bucket)),
        _ => Ok(()),
    }
}

/// Restores the sidecar of a marker, from the copy in it. Returns whether anything was changed.
pub(crate) async fn heal(
    content: SecondContent,
    objects: ReferenceObjects,
    generation: Nonce,
    copy: &Sidecar,
) -> Result<bool, StorageError> {
    let healing = HealProtocol::new(generation);
    let ended = on_reference(healing, content, objects, Some(copy)).await?;
    match ended.0.outcome {
        HealOutcome::Restored | HealOutcome::Buried => Ok(true),
        HealOutcome::Sound => Ok(false),
        HealOutcome::Failed => Err(ended.error()),
    }
}

/// Removes the tombstones of a reference, which must be old enough: that of the marker, and that of the
/// sidecar if it was listed.
///
/// # Errors
/// A request failed. [`TombstoneOutcome::Failed`] is not returned.
pub(crate) async fn remove_tombstones(
    content: SecondContent,
    objects: ReferenceObjects,
    generation: Nonce,
    with_sidecar: bool,
) -> Result<TombstoneOutcome, StorageError> {
    let removal = match with_sidecar {
        true => TombstoneProtocol::new(generation),
        false => TombstoneProtocol::marker(generation),
    };
    let ended = on_reference(removal, content, objects, None).await?;
    match ended.0.outcome {
        TombstoneOutcome::Failed => Err(ended.error()),
        outcome => Ok(outcome),
    }
}

/// Removes the tombstone of a sidecar that was retired, which must be old enough, unless an import has
/// replaced it.
pub(crate) async fn remove_retired(objects: &ReferenceObjects) -> Result<(), StorageError> {
    match objects.close_sidecar::<Version>().await? {
        Answer::Done => objects.remove_sidecar().await,
        _ => Ok(()),
    }
}

/// Buries the sealed markers of all revisions of a reference that was deleted. Without the tombstone of
/// its sidecar, one of them would bring the media back.
pub(crate) async fn bury_others(
    content: &SecondContent,
    objects: &ReferenceObjects,
) -> Result<(), StorageError> {
    let mut sealed = content.markers(objects.key.token()).await?;
    sealed.retain(|(_, state)| *state == MarkerState::Sealed);
    // What was sealed before this read has a sidecar, unless it was deleted or lost.
    if sealed.is_empty() || objects.state().await? != SidecarState::Tombstone {
        return Ok(());
    }
    for (marker, _) in &sealed {
        content.bucket.bury(marker).await?;
    }
    Ok(())
}

/// Replaces the tombstone of a sidecar that was retired, if there is one, by that of a deletion, and
/// removes bytes of its own. Returns whether no import has replaced it in the meantime.
pub(crate) async fn close_retired(objects: &ReferenceObjects) -> Result<bool, StorageError> {
    let read = read_any(&objects.bucket, &objects.keys, &objects.key).await?;
    if !matches!(read, SidecarRead::Retired) {
        return Ok(true);
    }
    match objects.close_sidecar::<Version>().await? {
        Answer::Done => objects.remove_media().await.map(|()| true),
        _ => Ok(false),
    }
}

/// Removes the bytes of a hash if no reference holds them. Returns whether they were removed.
pub(crate) async fn collect(content: SecondContent) -> Result<bool, StorageError> {
    let ended = drive(CollectProtocol::new(), &content).await?;
    match ended.outcome {
        CollectOutcome::Collected => Ok(true),
        CollectOutcome::Failed => Err(ended.into_error(&content.bucket)),
        _ => Ok(false),
    }
}

/// Removes generations that were never published. Returns whether any was removed.
pub(crate) async fn fence(
    content: SecondContent,
    orphans: Vec<Nonce>,
) -> Result<bool, StorageError> {
    let ended = drive(FenceProtocol::new(orphans), &content).await?;
    match ended.outcome {
        FenceOutcome::Cleared { generations } => Ok(generations > 0),
        FenceOutcome::Contended => Ok(false),
        FenceOutcome::Failed => Err(ended.into_error(&content.bucket)),
    }
}

/// How a protocol ended, and the bucket that its errors name.
struct EndedAt<O>(Ended<O>, Bucket);

impl<O> EndedAt<O> {
    fn error(self) -> StorageError {
        self.0.into_error(&self.1)
    }
}

async fn on_reference<P>(
    protocol: P,
    content: SecondContent,
    objects: ReferenceObjects,
    sidecar: Option<&Sidecar>,
) -> Result<EndedAt<P::Outcome>, StorageError>
where
    P: Protocol<Version> + Send,
    P::Outcome: Send,
{
    let bucket = content.bucket.clone();
    let driver = ReferenceDriver {
        sidecar,
        ..ReferenceDriver::new(content, objects)
    };
    Ok(EndedAt(drive(protocol, &driver).await?, bucket))
}
