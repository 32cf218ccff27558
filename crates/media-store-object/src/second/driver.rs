//! Carrying out the requests of protocols against a bucket.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use media_storage::{Sidecar, StorageError};

use super::content::SecondContent;
use super::marker::{CreatedMarker, Marker};
use super::reference::{ReferenceObjects, Upload};
use crate::bucket::{
    Bucket, MarkerState, SecondKeys, SecondMarker, Version, send, shared_attributes,
};
use crate::protocol::{Answer, Nonce, Request};
use crate::reference::sidecar::{ByteLocation, second_json};
use crate::sharing::Driver;

/// Carries out the requests of protocols of one reference.
pub(super) struct ReferenceDriver<'a> {
    pub(super) content: SecondContent,
    pub(super) objects: ReferenceObjects,
    /// The sidecar, if it may be created.
    pub(super) sidecar: Option<&'a Sidecar>,
    pub(super) upload: Option<Upload<'a>>,
    pub(super) created: CreatedMarker,
    /// The version of what was last read under the name of the sidecar.
    pub(super) seen: Mutex<Option<Version>>,
}

impl ReferenceDriver<'_> {
    pub(super) fn new(content: SecondContent, objects: ReferenceObjects) -> Self {
        Self {
            content,
            objects,
            sidecar: None,
            upload: None,
            created: CreatedMarker::default(),
            seen: Mutex::default(),
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

    async fn read_sidecar(&self) -> Result<Answer<Version>, StorageError> {
        let (state, version) = self.objects.versioned_state().await?;
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = version;
        Ok(Answer::Sidecar(state))
    }

    async fn close_seen(&self) -> Result<Answer<Version>, StorageError> {
        let seen = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match seen {
            Some(version) => self.objects.close_version(version).await,
            None => Ok(Answer::Failed),
        }
    }

    fn marker(&self, generation: Nonce) -> Result<Marker<'_>, StorageError> {
        let SecondContent { bucket, keys, name } = &self.content;
        let token = self.objects.key.token();
        let path = keys.marker(*name, generation, token, self.objects.revision)?;
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
            Request::ReadSidecar => return self.read_sidecar().await,
            Request::CloseSeen => return self.close_seen().await,
            Request::FindSealed => {
                let markers = content.markers(objects.key.token()).await?;
                let mut states = markers.iter().map(|(_, state)| *state);
                return Ok(Answer::Found(
                    states.any(|state| state == MarkerState::Sealed),
                ));
            }
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
            Request::RetireSidecar(generation) => {
                let location = ByteLocation::Shared(generation);
                return objects.retire_sidecar(location).await;
            }
            Request::CloseSidecar => return objects.close_sidecar().await,
            Request::BuryMarker(generation) => self.marker(generation)?.bury().await?,
            Request::RemoveMarker(generation) => self.marker(generation)?.remove().await?,
            Request::BurySidecar => objects.bury_sidecar().await?,
            Request::RemoveSidecar => objects.remove_sidecar().await?,
            Request::DeleteBlob(_) => return Ok(remove_own_blob(content, request).await),
            Request::SwapRecord { .. } if self.check_cancelled().is_err() => {
                self.check_cancelled()?;
            }
            other => return content.answer(other).await,
        }
        Ok(Answer::Done)
    }
}

/// Removes bytes that another store was faster with. What cannot be removed is left to a sweep, so that a
/// credential that may not delete can store all the same.
async fn remove_own_blob(content: &SecondContent, request: Request<Version>) -> Answer<Version> {
    match content.answer(request).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::debug!(%error, "bytes that nobody shares are left; a sweep removes them");
            Answer::Failed
        }
    }
}

/// Carries out the requests of protocols of a marker whose reference is not known.
pub(super) struct MarkerDriver<'a> {
    pub(super) bucket: &'a Bucket,
    pub(super) keys: &'a SecondKeys,
    pub(super) marker: &'a SecondMarker,
}

impl Driver for MarkerDriver<'_> {
    async fn answer(&self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        let SecondMarker {
            name,
            token,
            revision,
            ..
        } = self.marker;
        match request {
            Request::RetireMarker(generation) => {
                let path = self.keys.marker(*name, generation, token, *revision)?;
                Marker::new(self.bucket, path).retire().await
            }
            _ => Ok(Answer::Failed),
        }
    }
}
