//! The objects of one reference in a bucket, by the second protocol.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use media_storage::backend::CancelFlag;
use media_storage::{Sidecar, StorageError};
use media_types::UserId;
use object_store::Attributes;
use object_store::path::Path;

use crate::body::Payload;
use crate::bucket::{Bucket, Creation, Keys, MediaKey, PartOptions, SecondKeys, Swap, Version};
use crate::protocol::{Answer, Nonce, SidecarState};
use crate::reference::pointer::Pointer;
use crate::reference::sidecar::{
    ByteLocation, Descriptor, Protocol, SidecarRead, is_incoming, read_versioned, revision_of,
    second_json,
};
use crate::reference::tombstone::Tombstone;
use crate::sharing::fresh_nonce;

/// Maximum length of an object that is compared with one that was to be created, in bytes.
pub(super) const MAX_COMPARED: u64 = 128 * 1024;

/// The objects of one reference: sidecar, entry in the index of its user, and expiry hint.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceObjects {
    pub(super) bucket: Bucket,
    pub(super) keys: Keys,
    pub(super) second: SecondKeys,
    pub(crate) key: MediaKey,
    /// The revision of the reference, if an import stored it.
    pub(super) revision: Option<Nonce>,
    /// Whether the sidecar is one that an import has not completed.
    incoming: bool,
    pub(super) user: Option<UserId>,
    /// The number in the name of the index entry.
    pub(super) entry_number: Option<Nonce>,
    /// The number in the name of the hint.
    pub(super) hint_number: Option<Nonce>,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

/// Bytes to be stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upload<'a> {
    pub(super) payload: &'a Payload,
    pub(super) len: u64,
    pub(super) parts: PartOptions,
    pub(super) cancelled: &'a CancelFlag,
}

impl ReferenceObjects {
    /// Creates access to the objects of a reference. Without a sidecar, index and hint are unknown,
    /// and left to sweeps.
    pub(crate) fn new(
        bucket: &Bucket,
        keys: &Keys,
        second: &SecondKeys,
        key: &MediaKey,
        sidecar: Option<&Sidecar>,
    ) -> Self {
        Self {
            bucket: bucket.clone(),
            keys: keys.clone(),
            second: second.clone(),
            key: key.clone(),
            revision: sidecar.and_then(revision_of),
            incoming: sidecar.is_some_and(is_incoming),
            entry_number: sidecar.and_then(|sidecar| Pointer::Entry.number(sidecar)),
            hint_number: sidecar.and_then(|sidecar| Pointer::Hint.number(sidecar)),
            user: sidecar.and_then(|sidecar| sidecar.user_id.clone()),
            expires_at: sidecar.and_then(|sidecar| sidecar.expires_at),
        }
    }

    /// Sets the revision, if the sidecar is not known.
    pub(crate) fn with_revision(mut self, revision: Option<Nonce>) -> Self {
        self.revision = revision;
        self
    }

    pub(super) fn sidecar_path(&self) -> Result<Path, StorageError> {
        self.keys.sidecar(&self.key)
    }

    /// Creates the object of the sidecar. One that exists already is success if it is the very same.
    /// An import, or a sweep that restores the sidecar, also replaces the tombstone of a retired one.
    async fn create<V>(&self, body: Bytes, restored: bool) -> Result<Answer<V>, StorageError> {
        let path = self.sidecar_path()?;
        if !self.second.tombstones {
            let put = self.bucket.put(&path, body.into(), Attributes::new());
            return put.await.map(|_| Answer::Done);
        }
        if let Creation::Created(_) = self.bucket.create(&path, body.clone()).await? {
            return Ok(Answer::Done);
        }
        let version = match self.bucket.get(&path, MAX_COMPARED).await? {
            Some((found, _)) if found == body => return Ok(Answer::Done),
            Some((found, version))
                if (self.revision.is_some() || restored)
                    && Tombstone::parse(&found) == Some(Tombstone::Retired) =>
            {
                version
            }
            _ => return Ok(Answer::Taken),
        };
        let swap = self.bucket.swap(&path, Some(&version), body.clone());
        let Swap::Unclear(error) = swap.await else {
            return Ok(Answer::Done);
        };
        match self.bucket.get(&path, MAX_COMPARED).await? {
            Some((found, _)) if found == body => Ok(Answer::Done),
            // The write may still arrive.
            Some((_, unchanged)) if unchanged == version => Err(error),
            _ => Ok(Answer::Taken),
        }
    }

    /// Creates the sidecar, with index and hint at the same time.
    pub(super) async fn create_sidecar<V>(
        &self,
        sidecar: &Sidecar,
        location: ByteLocation,
        restored: bool,
    ) -> Result<Answer<V>, StorageError> {
        let body = Bytes::from(second_json(sidecar, location, restored)?);
        let (created, hint, entry) = tokio::join!(
            self.create(body, restored),
            self.write_hint(),
            self.write_entry()
        );
        hint.and(entry)?;
        created
    }

    /// Replaces the sidecar by a tombstone, then removes index and hint. They lead to the sidecar until
    /// then, so that a deletion that was interrupted is found and repeated.
    pub(super) async fn bury_sidecar(&self) -> Result<(), StorageError> {
        self.put_tombstone().await?;
        self.remove_pointers().await
    }

    /// Replaces the sidecar by a tombstone.
    pub(super) async fn put_tombstone(&self) -> Result<(), StorageError> {
        let path = self.sidecar_path()?;
        match self.second.tombstones {
            true => self.bucket.bury(&path).await,
            false => self.bucket.delete(&path).await,
        }
    }

    /// Removes whatever is under the name of the sidecar.
    pub(super) async fn remove_sidecar(&self) -> Result<(), StorageError> {
        self.bucket.delete(&self.sidecar_path()?).await
    }

    /// Removes bytes of its own.
    pub(super) async fn remove_media(&self) -> Result<(), StorageError> {
        self.bucket.delete(&self.keys.media(&self.key)?).await
    }

    /// Whether a sidecar is that of this revision, with its bytes in this place, and as complete as it
    /// was.
    pub(super) fn describes(&self, found: &Descriptor, location: ByteLocation) -> bool {
        found.protocol == Protocol::Second
            && found.location == location
            && found.revision == self.revision
            && found.incoming == self.incoming
    }

    /// Replaces the sidecar by a tombstone that an import may replace, on condition that it is that of
    /// this revision. Index and hint may belong to the next one already, and are left to sweeps.
    pub(super) async fn retire_sidecar<V>(
        &self,
        location: ByteLocation,
    ) -> Result<Answer<V>, StorageError> {
        if !self.second.tombstones {
            return self.bury_sidecar().await.map(|()| Answer::Done);
        }
        let tombstone = Tombstone::retired(fresh_nonce()?);
        self.replace_sidecar(tombstone, |read| match read {
            SidecarRead::Retired => Some(Answer::Done),
            SidecarRead::Present(found) if self.describes(found, location) => None,
            _ => Some(Answer::Taken),
        })
        .await
    }

    /// Replaces the sidecar of media that an import has written by the complete one, on condition that it
    /// is that of this revision.
    pub(super) async fn complete_sidecar<V>(
        &self,
        complete: &Sidecar,
    ) -> Result<Answer<V>, StorageError> {
        let body = Bytes::from(second_json(complete, ByteLocation::Own, false)?);
        self.replace_sidecar(body, |read| match read {
            SidecarRead::Present(found) if found.revision == self.revision => {
                (!found.incoming).then_some(Answer::Done)
            }
            _ => Some(Answer::Taken),
        })
        .await
    }

    /// Replaces the tombstone of a retired sidecar by that of a deletion, on condition that it is still
    /// there.
    pub(super) async fn close_sidecar<V>(&self) -> Result<Answer<V>, StorageError> {
        self.replace_sidecar(Bytes::new(), |read| match read {
            SidecarRead::Tombstone => Some(Answer::Done),
            SidecarRead::Retired => None,
            _ => Some(Answer::Taken),
        })
        .await
    }

    /// Replaces the tombstone of a retired sidecar, read with this version, by that of a deletion.
    pub(super) async fn close_version<V>(
        &self,
        version: Version,
    ) -> Result<Answer<V>, StorageError> {
        let path = self.sidecar_path()?;
        let swap = self.bucket.swap(&path, Some(&version), Bytes::new());
        let Swap::Unclear(error) = swap.await else {
            return Ok(Answer::Done);
        };
        match read_versioned(&self.bucket, &self.keys, &self.key).await? {
            Some((SidecarRead::Tombstone, _)) => Ok(Answer::Done),
            // The write may still arrive.
            Some((_, unchanged)) if unchanged == version => Err(error),
            _ => Ok(Answer::Taken),
        }
    }

    /// Replaces what is under the name of the sidecar, unless `answered` gives an answer for it.
    async fn replace_sidecar<V>(
        &self,
        body: Bytes,
        answered: impl Fn(&SidecarRead) -> Option<Answer<V>>,
    ) -> Result<Answer<V>, StorageError> {
        let read = || read_versioned(&self.bucket, &self.keys, &self.key);
        let Some((found, version)) = read().await? else {
            return Ok(Answer::Taken);
        };
        if let Some(answer) = answered(&found) {
            return Ok(answer);
        }
        let path = self.sidecar_path()?;
        let swap = self.bucket.swap(&path, Some(&version), body);
        let Swap::Unclear(error) = swap.await else {
            return Ok(Answer::Done);
        };
        match read().await? {
            None => Ok(Answer::Taken),
            Some((found, _)) => answered(&found).ok_or(error),
        }
    }

    /// Reads the state of the sidecar.
    pub(super) async fn state(&self) -> Result<SidecarState, StorageError> {
        self.versioned_state().await.map(|(state, _)| state)
    }

    /// Reads the state of the sidecar, and the version of what is under its name.
    pub(super) async fn versioned_state(
        &self,
    ) -> Result<(SidecarState, Option<Version>), StorageError> {
        let read = read_versioned(&self.bucket, &self.keys, &self.key).await?;
        let Some((read, version)) = read else {
            return Ok((SidecarState::Missing, None));
        };
        let state = match read {
            SidecarRead::Missing => SidecarState::Missing,
            SidecarRead::Tombstone => SidecarState::Tombstone,
            SidecarRead::Retired => SidecarState::Retired,
            SidecarRead::Foreign => return Err(self.other_media()),
            SidecarRead::Present(found) => match (found.protocol, found.location) {
                (Protocol::Second, _) if found.revision != self.revision => SidecarState::Revised,
                (Protocol::Second, ByteLocation::Shared(generation)) if found.restored => {
                    SidecarState::Restored(generation)
                }
                (Protocol::Second, ByteLocation::Shared(generation)) => {
                    SidecarState::Live(generation)
                }
                _ => return Err(self.other_media()),
            },
        };
        Ok((state, Some(version)))
    }

    fn other_media(&self) -> StorageError {
        let error = self.bucket.fail(media_storage::StorageErrorKind::Corrupted);
        error
            .with_key(self.key.id())
            .with_reason("the sidecar belongs to other media")
    }
}
