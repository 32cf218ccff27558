//! What leads to the sidecar of a reference: its expiry hint, and its entry in the index of its user.

use bytes::Bytes;
use media_storage::StorageError;
use object_store::Attributes;
use object_store::path::Path;

use super::reference::ReferenceObjects;
use crate::reference::expiry;

impl ReferenceObjects {
    fn hint(&self) -> Result<Option<Path>, StorageError> {
        let hour = self.expires_at.and_then(expiry::hour);
        hour.map(|hour| {
            let token = self.key.token();
            self.second.expiry_hint(&hour, token, self.hint_number)
        })
        .transpose()
    }

    /// Whether an object is the expiry hint of the reference.
    pub(crate) fn is_hint(&self, path: &Path) -> Result<bool, StorageError> {
        Ok(self.hint()?.as_ref() == Some(path))
    }

    fn entry(&self) -> Result<Option<(Path, String)>, StorageError> {
        let user = self.user.as_ref();
        user.map(|user| self.second.user_entry(user, &self.key, self.entry_number))
            .transpose()
    }

    /// Writes the expiry hint, if the reference expires.
    pub(crate) async fn write_hint(&self) -> Result<(), StorageError> {
        let Some(path) = self.hint()? else {
            return Ok(());
        };
        let id = Bytes::copy_from_slice(self.key.id().as_bytes());
        self.write_pointer(&path, id).await
    }

    /// Writes the entry in the index of the user, if the reference has one.
    pub(crate) async fn write_entry(&self) -> Result<(), StorageError> {
        let Some((path, body)) = self.entry()? else {
            return Ok(());
        };
        self.write_pointer(&path, body.into()).await
    }

    /// Writes a hint or an index entry. A copy of the request that arrives late brings nothing back.
    async fn write_pointer(&self, path: &Path, body: Bytes) -> Result<(), StorageError> {
        let bucket = self.bucket.clone().repeating();
        let put = bucket.put(path, body.into(), Attributes::new());
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

    /// Whether an object is the entry of the reference in the index of its user.
    pub(crate) fn is_entry(&self, path: &Path) -> Result<bool, StorageError> {
        Ok(self.entry()?.is_some_and(|(entry, _)| entry == *path))
    }

    /// Whether an entry in the index of its user is one that an earlier version left, beside that of this one.
    pub(crate) async fn has_entry_beside(&self, path: &Path) -> Result<bool, StorageError> {
        match self.entry()? {
            Some((entry, _)) if entry != *path => Ok(self.bucket.head(&entry).await?.is_some()),
            _ => Ok(false),
        }
    }

    /// Writes hint and index entry, except those that an earlier version has.
    pub(super) async fn write_pointers_beside(&self, before: &Self) -> Result<(), StorageError> {
        let (hint, entry) = (
            self.hint()? != before.hint()?,
            self.entry()? != before.entry()?,
        );
        let written = tokio::join!(
            async {
                if hint {
                    self.write_hint().await
                } else {
                    Ok(())
                }
            },
            async {
                if entry {
                    self.write_entry().await
                } else {
                    Ok(())
                }
            },
        );
        written.0.and(written.1)
    }

    /// Removes hint and index entry, except those that a later version has.
    pub(super) async fn remove_pointers_beside(&self, after: &Self) -> Result<(), StorageError> {
        let (hint, entry) = (
            self.hint()? != after.hint()?,
            self.entry()? != after.entry()?,
        );
        let removed = tokio::join!(
            async {
                if hint {
                    self.remove_hint().await
                } else {
                    Ok(())
                }
            },
            async {
                if entry {
                    self.remove_entry().await
                } else {
                    Ok(())
                }
            },
        );
        removed.0.and(removed.1)
    }

    /// Removes the expiry hint and the entry in the index of the user.
    pub(super) async fn remove_pointers(&self) -> Result<(), StorageError> {
        let (hint, entry) = tokio::join!(self.remove_hint(), self.remove_entry());
        hint.and(entry)
    }
}
