//! The objects of one reference in a bucket, by the second protocol.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use media_storage::backend::CancelFlag;
use media_storage::{Sidecar, StorageError};
use media_types::UserId;
use object_store::Attributes;
use object_store::path::Path;

use crate::body::Payload;
use crate::bucket::{Bucket, Creation, Keys, MediaKey, PartOptions, SecondKeys};
use crate::protocol::{Answer, SidecarState};
use crate::reference::expiry;
use crate::reference::sidecar::{ByteLocation, Protocol, SidecarRead, read_any, second_json};

/// Maximum length of an object that is compared with one that was to be created, in bytes.
pub(super) const MAX_COMPARED: u64 = 128 * 1024;

/// The objects of one reference: sidecar, entry in the index of its user, and expiry hint.
#[derive(Clone, Debug)]
pub(crate) struct ReferenceObjects {
    pub(super) bucket: Bucket,
    pub(super) keys: Keys,
    pub(super) second: SecondKeys,
    pub(crate) key: MediaKey,
    user: Option<UserId>,
    expires_at: Option<DateTime<Utc>>,
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
            user: sidecar.and_then(|sidecar| sidecar.user_id.clone()),
            expires_at: sidecar.and_then(|sidecar| sidecar.expires_at),
        }
    }

    fn sidecar_path(&self) -> Result<Path, StorageError> {
        self.keys.sidecar(&self.key)
    }

    fn hint(&self) -> Result<Option<Path>, StorageError> {
        let hour = self.expires_at.and_then(expiry::hour);
        hour.map(|hour| self.second.expiry_hint(&hour, self.key.token()))
            .transpose()
    }

    fn entry(&self) -> Result<Option<(Path, String)>, StorageError> {
        let user = self.user.as_ref();
        user.map(|user| self.second.user_entry(user, &self.key))
            .transpose()
    }

    /// Writes the expiry hint, if the reference expires.
    pub(crate) async fn write_hint(&self) -> Result<(), StorageError> {
        let Some(path) = self.hint()? else {
            return Ok(());
        };
        let id = Bytes::copy_from_slice(self.key.id().as_bytes());
        let put = self.bucket.put(&path, id.into(), Attributes::new());
        put.await.map(drop)
    }

    /// Writes the entry in the index of the user, if the reference has one.
    pub(crate) async fn write_entry(&self) -> Result<(), StorageError> {
        let Some((path, body)) = self.entry()? else {
            return Ok(());
        };
        let put = self.bucket.put(&path, body.into(), Attributes::new());
        put.await.map(drop)
    }

    async fn remove_hint(&self) -> Result<(), StorageError> {
        match self.hint()? {
            Some(path) => self.bucket.delete(&path).await,
            None => Ok(()),
        }
    }

    async fn remove_entry(&self) -> Result<(), StorageError> {
        match self.entry()? {
            Some((path, _)) => self.bucket.delete(&path).await,
            None => Ok(()),
        }
    }

    /// Creates an object. One that exists already is success if it is the very same.
    pub(super) async fn create<V>(
        &self,
        path: &Path,
        body: Bytes,
    ) -> Result<Answer<V>, StorageError> {
        if !self.second.tombstones {
            let put = self.bucket.put(path, body.into(), Attributes::new());
            return put.await.map(|_| Answer::Done);
        }
        match self.bucket.create(path, body.clone()).await? {
            Creation::Created(_) => Ok(Answer::Done),
            Creation::Exists => match self.bucket.get(path, MAX_COMPARED).await? {
                Some((found, _)) if found == body => Ok(Answer::Done),
                _ => Ok(Answer::Taken),
            },
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
        let path = self.sidecar_path()?;
        let (created, hint, entry) = tokio::join!(
            self.create(&path, body),
            self.write_hint(),
            self.write_entry()
        );
        hint.and(entry)?;
        created
    }

    /// Replaces the sidecar by a tombstone, and removes index and hint at the same time.
    pub(super) async fn bury_sidecar(&self) -> Result<(), StorageError> {
        let path = self.sidecar_path()?;
        let (buried, hint, entry) = tokio::join!(
            async {
                match self.second.tombstones {
                    true => self.bucket.bury(&path).await,
                    false => self.bucket.delete(&path).await,
                }
            },
            self.remove_hint(),
            self.remove_entry(),
        );
        buried.and(hint).and(entry)
    }

    /// Removes whatever is under the name of the sidecar.
    pub(super) async fn remove_sidecar(&self) -> Result<(), StorageError> {
        self.bucket.delete(&self.sidecar_path()?).await
    }

    /// Reads the state of the sidecar.
    pub(super) async fn state(&self) -> Result<SidecarState, StorageError> {
        Ok(match read_any(&self.bucket, &self.keys, &self.key).await? {
            SidecarRead::Missing => SidecarState::Missing,
            SidecarRead::Tombstone => SidecarState::Tombstone,
            SidecarRead::Foreign => return Err(self.other_media()),
            SidecarRead::Present(found) => match (found.protocol, found.location) {
                (Protocol::Second, ByteLocation::Shared(generation)) if found.restored => {
                    SidecarState::Restored(generation)
                }
                (Protocol::Second, ByteLocation::Shared(generation)) => {
                    SidecarState::Live(generation)
                }
                _ => return Err(self.other_media()),
            },
        })
    }

    fn other_media(&self) -> StorageError {
        let error = self.bucket.fail(media_storage::StorageErrorKind::Corrupted);
        error
            .with_key(self.key.id())
            .with_reason("the sidecar belongs to other media")
    }
}
