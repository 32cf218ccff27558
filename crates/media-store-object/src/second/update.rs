//! Changing the metadata of references.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use media_storage::{MetadataPatch, Sidecar, StorageError, StorageErrorKind};
use media_types::readable::causes;
use object_store::path::Path;

use super::content::SecondContent;
use super::reference::{MAX_COMPARED, ReferenceObjects};
use crate::bucket::{MarkerState, SecondMarker, Swap, Version};
use crate::protocol::v2::{UpdateOutcome, UpdateProtocol};
use crate::protocol::{Answer, CopyState, Nonce, Request};
use crate::reference::expiry;
use crate::reference::pointer::Pointer;
use crate::reference::sidecar::{
    ByteLocation, Descriptor, SidecarRead, change_of, read_versioned, second_json, set_change,
};
use crate::sharing::{Driver, drive, fresh_nonce};

/// Number of times that an update of media that is not shared begins again after concurrent changes.
const ATTEMPTS: u32 = 16;

/// A change of the metadata of one reference.
pub(crate) struct Update<'a> {
    pub(crate) objects: ReferenceObjects,
    pub(crate) patch: &'a MetadataPatch,
    /// Decides by the sidecar whether the reference may be changed.
    pub(crate) admit: &'a (dyn Fn(&Sidecar) -> Result<(), StorageError> + Send + Sync),
}

/// What a conditional write has come to.
enum Write {
    Done(Version),
    /// The object is another one.
    Refused,
}

impl Update<'_> {
    /// Changes a reference whose bytes are shared. Returns whether it exists.
    pub(crate) async fn shared(
        self,
        content: SecondContent,
        generation: Nonce,
    ) -> Result<bool, StorageError> {
        let (update, changed) = self.change_shared(content, generation).await?;
        let Some((before, after)) = changed else {
            return Ok(false);
        };
        update.leave(&before, &after).await;
        Ok(true)
    }

    /// Changes marker and sidecar. Returns the content of the marker before and after the change; `None` if
    /// the reference does not exist.
    async fn change_shared(
        self,
        content: SecondContent,
        generation: Nonce,
    ) -> Result<(Self, Option<(Sidecar, Sidecar)>), StorageError> {
        let driver = UpdateDriver {
            update: self,
            content,
            seen: Mutex::default(),
        };
        let ended = drive(UpdateProtocol::new(generation), &driver).await?;
        let UpdateDriver { update, seen, .. } = driver;
        match ended.outcome {
            UpdateOutcome::Updated => {
                let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok((update, seen.changed))
            }
            UpdateOutcome::Gone => Ok((update, None)),
            UpdateOutcome::Failed => {
                let bucket = update.objects.bucket.clone();
                Err(ended
                    .failure
                    .map_or_else(|| update.contended(), |error| bucket.adopt(error)))
            }
        }
    }

    /// Changes a reference with bytes of its own, of which the sidecar decides. Returns whether it exists.
    pub(crate) async fn own(self) -> Result<bool, StorageError> {
        let Some((before, after)) = self.change_own().await? else {
            return Ok(false);
        };
        self.leave(&before, &after).await;
        Ok(true)
    }

    /// Changes the sidecar. Returns it as it was before and after the change; `None` if the reference does
    /// not exist.
    async fn change_own(&self) -> Result<Option<(Sidecar, Sidecar)>, StorageError> {
        for _ in 0..ATTEMPTS {
            let Some((found, version)) = self.read(ByteLocation::Own).await? else {
                return Ok(None);
            };
            (self.admit)(&found.sidecar)?;
            let after = self.patched(&found.sidecar, false)?;
            self.point_to(&found.sidecar, &after).await?;
            let body = Bytes::from(second_json(&after, ByteLocation::Own, false)?);
            let path = self.objects.sidecar_path()?;
            if let Write::Done(_) = self.replace(&path, &version, body).await? {
                return Ok(Some((found.sidecar, after)));
            }
        }
        Err(self.contended())
    }

    /// Reads the sidecar, if it is that of this revision of the reference, and complete.
    async fn read(
        &self,
        location: ByteLocation,
    ) -> Result<Option<(Descriptor, Version)>, StorageError> {
        let objects = &self.objects;
        let read = read_versioned(&objects.bucket, &objects.keys, &objects.key).await?;
        Ok(match read {
            Some((SidecarRead::Present(found), version)) if objects.describes(&found, location) => {
                Some((*found, version))
            }
            _ => None,
        })
    }

    /// Returns the sidecar with the change applied. No two versions of a sidecar are alike, so that an
    /// entity tag never comes back, and what leads to one with another user or hour has a name that is new.
    /// So it has if the sidecar is `behind` the marker: a sweep may have removed what leads to the marker.
    fn patched(&self, before: &Sidecar, behind: bool) -> Result<Sidecar, StorageError> {
        let mut after = before.clone().patched(self.patch);
        let number = fresh_nonce()?;
        let hour = |sidecar: &Sidecar| sidecar.expires_at.and_then(expiry::hour);
        if behind || hour(&after) != hour(before) {
            Pointer::Hint.renew(&mut after, number);
        }
        if behind || after.user_id != before.user_id {
            Pointer::Entry.renew(&mut after, number);
        }
        set_change(&mut after, number);
        Ok(after)
    }

    fn objects_of(&self, sidecar: &Sidecar) -> ReferenceObjects {
        let ReferenceObjects {
            bucket,
            keys,
            second,
            key,
            ..
        } = &self.objects;
        ReferenceObjects::new(bucket, keys, second, key, Some(sidecar))
    }

    /// Writes hint and index entry, before there is a sidecar that needs them, if the one before has others.
    async fn point_to(&self, before: &Sidecar, after: &Sidecar) -> Result<(), StorageError> {
        let after = self.objects_of(after);
        after.write_pointers_beside(&self.objects_of(before)).await
    }

    /// Removes hint and index entry of the sidecar that was replaced, unless the new one has the same.
    ///
    /// No sidecar has them again, so that it does no harm if a copy of the request arrives at any later time.
    async fn leave(&self, before: &Sidecar, after: &Sidecar) {
        let (before, after) = (self.objects_of(before), self.objects_of(after));
        if let Err(error) = before.remove_pointers_beside(&after).await {
            tracing::debug!(error = %causes(&error), "an old expiry hint or index entry is left");
        }
    }

    /// Replaces an object on condition of its version.
    ///
    /// # Errors
    /// The write failed, or may still arrive.
    async fn replace(
        &self,
        path: &Path,
        version: &Version,
        body: Bytes,
    ) -> Result<Write, StorageError> {
        let bucket = &self.objects.bucket;
        let error = match bucket.swap(path, Some(version), body.clone()).await {
            Swap::Done(version) => return Ok(Write::Done(version)),
            Swap::Unclear(error) => error,
        };
        match bucket.get(path, MAX_COMPARED).await? {
            Some((found, version)) if found == body => Ok(Write::Done(version)),
            Some((_, unchanged)) if unchanged == *version => Err(error),
            _ => Ok(Write::Refused),
        }
    }

    fn contended(&self) -> StorageError {
        let error = self.objects.bucket.fail(StorageErrorKind::Unavailable);
        error
            .with_key(self.objects.key.id())
            .with_reason("others changed the media in every attempt")
    }
}

/// What was read or written last.
#[derive(Debug, Default)]
struct Seen {
    /// Version of the sidecar, the change in it, and whether a sweep restored it.
    sidecar: Option<(Version, Option<Nonce>, bool)>,
    marker: Option<(Version, Sidecar)>,
    /// The content of the marker before and after the change.
    changed: Option<(Sidecar, Sidecar)>,
}

impl Seen {
    /// Whether the sidecar lacks a change that the marker contains.
    fn is_behind(&self) -> bool {
        let sidecar = self.sidecar.as_ref().and_then(|(_, change, _)| *change);
        let marker = self
            .marker
            .as_ref()
            .and_then(|(_, marked)| change_of(marked));
        sidecar != marker
    }
}

/// Carries out the requests of an update.
struct UpdateDriver<'a> {
    update: Update<'a>,
    content: SecondContent,
    seen: Mutex<Seen>,
}

impl UpdateDriver<'_> {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read_sidecar(&self, generation: Nonce) -> Result<CopyState, StorageError> {
        let location = ByteLocation::Shared(generation);
        let Some((found, version)) = self.update.read(location).await? else {
            return Ok(CopyState::Gone);
        };
        if self.seen().changed.is_none() {
            (self.update.admit)(&found.sidecar)?;
        }
        let change = change_of(&found.sidecar);
        self.seen().sidecar = Some((version, change, found.restored));
        Ok(CopyState::Same)
    }

    fn marker_name(&self, generation: Nonce) -> SecondMarker {
        SecondMarker {
            name: self.content.name,
            generation,
            token: self.update.objects.key.token().to_owned(),
            revision: self.update.objects.revision,
        }
    }

    fn marker_path(&self, generation: Nonce) -> Result<Path, StorageError> {
        let SecondMarker {
            name,
            token,
            revision,
            ..
        } = self.marker_name(generation);
        self.content.keys.marker(name, generation, &token, revision)
    }

    async fn read_marker(&self, generation: Nonce) -> Result<CopyState, StorageError> {
        let SecondContent { bucket, keys, .. } = &self.content;
        let path = self.marker_path(generation)?;
        let Some((json, version)) = bucket.get(&path, MAX_COMPARED).await? else {
            return Ok(CopyState::Gone);
        };
        if MarkerState::of_size(json.len() as u64) != MarkerState::Sealed {
            return Ok(CopyState::Gone);
        }
        let name = self.marker_name(generation);
        let (_, marked) = Descriptor::of_second_marker(&json, keys, &name)?;
        let mut seen = self.seen();
        seen.marker = Some((version, marked.sidecar));
        Ok(match seen.is_behind() {
            false => CopyState::Same,
            true => CopyState::Differs,
        })
    }

    async fn change_marker(&self, generation: Nonce) -> Result<Answer<Version>, StorageError> {
        let Some((version, before)) = self.seen().marker.clone() else {
            return Ok(Answer::Failed);
        };
        let behind = self.seen().is_behind();
        let after = self.update.patched(&before, behind)?;
        self.update.point_to(&before, &after).await?;
        let body = second_json(&after, ByteLocation::Shared(generation), false)?;
        let path = self.marker_path(generation)?;
        match self.update.replace(&path, &version, body.into()).await? {
            Write::Done(version) => {
                let mut seen = self.seen();
                seen.marker = Some((version, after.clone()));
                seen.changed = Some((before, after));
                Ok(Answer::Done)
            }
            Write::Refused => Ok(Answer::Taken),
        }
    }

    async fn follow_marker(&self, generation: Nonce) -> Result<Answer<Version>, StorageError> {
        let (version, restored, marked) = match &*self.seen() {
            Seen {
                sidecar: Some((version, _, restored)),
                marker: Some((_, marked)),
                ..
            } => (version.clone(), *restored, marked.clone()),
            _ => return Ok(Answer::Failed),
        };
        let body = second_json(&marked, ByteLocation::Shared(generation), restored)?;
        let path = self.update.objects.sidecar_path()?;
        Ok(
            match self.update.replace(&path, &version, body.into()).await? {
                Write::Done(_) => Answer::Done,
                Write::Refused => Answer::Taken,
            },
        )
    }
}

impl Driver for UpdateDriver<'_> {
    async fn answer(&self, request: Request<Version>) -> Result<Answer<Version>, StorageError> {
        match request {
            Request::ReadSidecarCopy(generation) => {
                self.read_sidecar(generation).await.map(Answer::Copy)
            }
            Request::ReadMarkerCopy(generation) => {
                self.read_marker(generation).await.map(Answer::Copy)
            }
            Request::ChangeMarker(generation) => self.change_marker(generation).await,
            Request::FollowMarker(generation) => self.follow_marker(generation).await,
            _ => Ok(Answer::Failed),
        }
    }
}
