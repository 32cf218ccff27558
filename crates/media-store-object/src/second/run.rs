//! Driving the protocols of one reference against a bucket.

use bytes::Bytes;
use media_storage::backend::CancelFlag;
use media_storage::{Sidecar, StorageError, StorageErrorKind};

use super::content::SecondContent;
use super::marker::{CreatedMarker, Marker};
use super::reference::{ReferenceObjects, Upload};
use crate::body::Payload;
use crate::bucket::{PartOptions, Version, send, shared_attributes};
use crate::protocol::v2::{
    DeleteOutcome, DeleteProtocol, HealOutcome, HealProtocol, RetireOutcome, RetireProtocol,
    StoreProtocol, TombstoneOutcome, TombstoneProtocol,
};
use crate::protocol::{
    Answer, CollectOutcome, CollectProtocol, FenceOutcome, FenceProtocol, Nonce, Protocol, Request,
    StoreOutcome,
};
use crate::reference::sidecar::{ByteLocation, second_json};
use crate::sharing::{Driver, Ended, drive};

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
    let bucket = attempt.content.bucket.clone();
    let size = attempt.sidecar.size_bytes;
    let protocol = match attempt.remembered {
        Some(generation) => StoreProtocol::joining(size, generation),
        None => StoreProtocol::new(size),
    };
    let driver = ReferenceDriver {
        sidecar: Some(attempt.sidecar),
        upload: Some(Upload {
            payload: attempt.payload,
            len: size,
            parts: attempt.parts,
            cancelled: attempt.cancelled,
        }),
        ..ReferenceDriver::new(attempt.content, attempt.objects)
    };
    let ended = drive(protocol, &driver).await?;
    match ended.outcome {
        StoreOutcome::Stored { generation, new } => Ok(SecondAttempt::Stored { generation, new }),
        StoreOutcome::Busy => Ok(SecondAttempt::Busy(ended.failure)),
        StoreOutcome::OtherSize => Err(bucket
            .fail(StorageErrorKind::Corrupted)
            .with_reason("the hash record of shared bytes names another size")),
        StoreOutcome::Failed => Err(ended.into_error(&bucket)),
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

/// Buries a sidecar that has no sealed marker. Returns whether it was buried.
pub(crate) async fn retire(
    content: SecondContent,
    objects: ReferenceObjects,
    generation: Nonce,
) -> Result<bool, StorageError> {
    let ended = on_reference(RetireProtocol::new(generation), content, objects, None).await?;
    match ended.0.outcome {
        RetireOutcome::Retired => Ok(true),
        RetireOutcome::Held => Ok(false),
        RetireOutcome::Failed => Err(ended.error()),
    }
}

/// Buries a provisional marker, by the token of its reference. Returns whether it was buried.
pub(crate) async fn retire_marker(
    content: &SecondContent,
    token: &str,
    generation: Nonce,
) -> Result<bool, StorageError> {
    let driver = MarkerDriver { content, token };
    let ended = drive(RetireProtocol::marker(generation), &driver).await?;
    match ended.outcome {
        RetireOutcome::Retired => Ok(true),
        RetireOutcome::Held => Ok(false),
        RetireOutcome::Failed => Err(ended.into_error(&content.bucket)),
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

/// Removes the tombstones of a reference, which must be old enough.
pub(crate) async fn remove_tombstones(
    content: SecondContent,
    objects: ReferenceObjects,
    generation: Nonce,
) -> Result<bool, StorageError> {
    let ended = on_reference(TombstoneProtocol::new(generation), content, objects, None).await?;
    match ended.0.outcome {
        TombstoneOutcome::Removed => Ok(true),
        TombstoneOutcome::Finished => Ok(false),
        TombstoneOutcome::Failed => Err(ended.error()),
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
struct EndedAt<O>(Ended<O>, crate::bucket::Bucket);

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

struct ReferenceDriver<'a> {
    content: SecondContent,
    objects: ReferenceObjects,
    /// The sidecar, if it may be created.
    sidecar: Option<&'a Sidecar>,
    upload: Option<Upload<'a>>,
    created: CreatedMarker,
}

impl ReferenceDriver<'_> {
    fn new(content: SecondContent, objects: ReferenceObjects) -> Self {
        Self {
            content,
            objects,
            sidecar: None,
            upload: None,
            created: CreatedMarker::default(),
        }
    }

    fn check_cancelled(&self) -> Result<(), StorageError> {
        self.upload
            .map_or(Ok(()), |upload| upload.cancelled.check())
    }

    async fn create_sidecar(
        &self,
        generation: Nonce,
        restored: bool,
    ) -> Result<Answer<Version>, StorageError> {
        self.check_cancelled()?;
        let Some(sidecar) = self.sidecar else {
            return Ok(Answer::Failed);
        };
        let location = ByteLocation::Shared(generation);
        self.objects
            .create_sidecar(sidecar, location, restored)
            .await
    }

    fn marker(&self, generation: Nonce) -> Result<Marker<'_>, StorageError> {
        let SecondContent { bucket, keys, name } = &self.content;
        let path = keys.marker(*name, generation, self.objects.key.token())?;
        Ok(Marker::new(bucket, path))
    }

    /// Returns the content of the sealed marker: that of the sidecar.
    fn sealed(&self, generation: Nonce) -> Result<Option<Bytes>, StorageError> {
        self.check_cancelled()?;
        let sealed = self
            .sidecar
            .map(|sidecar| second_json(sidecar, ByteLocation::Shared(generation), false));
        Ok(sealed.transpose()?.map(Bytes::from))
    }

    async fn create_marker(&self, generation: Nonce) -> Result<Answer<Version>, StorageError> {
        match self.sealed(generation)? {
            Some(sealed) => {
                let marker = self.marker(generation)?;
                marker.create(&sealed, &self.created).await
            }
            None => Ok(Answer::Failed),
        }
    }

    async fn seal_marker(&self, generation: Nonce) -> Result<Answer<Version>, StorageError> {
        match self.sealed(generation)? {
            Some(sealed) => self.marker(generation)?.seal(sealed, &self.created).await,
            None => Ok(Answer::Failed),
        }
    }

    async fn write_blob(&self, generation: Nonce) -> Result<Answer<Version>, StorageError> {
        let Some(upload) = self.upload else {
            return Ok(Answer::Failed);
        };
        upload.cancelled.check()?;
        let blob = self.content.keys.blob(self.content.name, generation)?;
        let bucket = &self.content.bucket;
        let attributes = shared_attributes();
        send(
            bucket,
            &blob,
            upload.payload,
            upload.len,
            attributes,
            upload.parts,
            upload.cancelled,
        )
        .await?;
        Ok(Answer::Done)
    }
}

impl Driver for ReferenceDriver<'_> {
    async fn answer(&self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        let Self {
            content, objects, ..
        } = self;
        match request {
            Request::ReadSidecar => return objects.state().await.map(Answer::Sidecar),
            Request::CreateSidecar(generation) => {
                return self.create_sidecar(generation, false).await;
            }
            Request::RestoreSidecar(generation) => {
                return self.create_sidecar(generation, true).await;
            }
            Request::CreateMarker(generation) => return self.create_marker(generation).await,
            Request::WriteBlob(generation) => return self.write_blob(generation).await,
            Request::SealMarker(generation) => return self.seal_marker(generation).await,
            Request::RetireMarker(generation) => return self.marker(generation)?.retire().await,
            Request::BuryMarker(generation) => self.marker(generation)?.bury().await?,
            Request::RemoveMarker(generation) => self.marker(generation)?.remove().await?,
            Request::BurySidecar => objects.bury_sidecar().await?,
            Request::RemoveSidecar => objects.remove_sidecar().await?,
            Request::SwapRecord { .. } if self.check_cancelled().is_err() => {
                self.check_cancelled()?;
            }
            other => return content.answer(other).await,
        }
        Ok(Answer::Done)
    }
}

/// A marker whose reference is not known.
struct MarkerDriver<'a> {
    content: &'a SecondContent,
    token: &'a str,
}

impl Driver for MarkerDriver<'_> {
    async fn answer(&self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        let SecondContent { bucket, keys, name } = self.content;
        match request {
            Request::RetireMarker(generation) => {
                let path = keys.marker(*name, generation, self.token)?;
                Marker::new(bucket, path).retire().await
            }
            _ => Ok(Answer::Failed),
        }
    }
}
