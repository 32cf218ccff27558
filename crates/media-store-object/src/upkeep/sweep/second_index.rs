//! Repairing expiry hints and the index of users.

use std::collections::HashMap;

use futures_util::stream::TryStreamExt as _;
use media_storage::StorageError;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::state::{Cause, Listing, Mode, Sweep};
use super::tally::Suspects;
use crate::bucket::{MediaKey, SecondKeys, UserEntry};
use crate::reference::sidecar::{self, Protocol, SidecarRead};
use crate::second::ReferenceObjects;

impl Sweep<'_> {
    /// Writes missing hints, and removes those that lead nowhere.
    pub(super) async fn hints(
        &mut self,
        keys: &SecondKeys,
        suspects: &Suspects,
        mut sidecars: HashMap<String, MediaKey>,
        mut listed: Listing,
    ) -> Result<(), StorageError> {
        let mut alone: Vec<ObjectMeta> = Vec::new();
        while let Some(meta) = listed.try_next().await? {
            let token = meta.location.filename().unwrap_or_default();
            if sidecars.remove(token).is_none()
                && suspects.contains(token)
                && self.is_settled(meta.last_modified)
            {
                alone.push(meta);
            }
        }
        self.follow_all(alone).await?;
        for key in sidecars.into_values() {
            let written = self.missing_hint(keys, key).await;
            self.note(written)?;
        }
        Ok(())
    }

    async fn missing_hint(&mut self, keys: &SecondKeys, key: MediaKey) -> Result<(), StorageError> {
        let read = sidecar::read(&self.bucket, &self.shared.keys, &key).await?;
        let Some(descriptor) = read.filter(|read| read.protocol == Protocol::Second) else {
            return Ok(());
        };
        if descriptor.sidecar.is_expired(self.now) {
            return self.delete(vec![(key, descriptor)], Cause::Expired).await;
        }
        if self.mode == Mode::DryRun {
            return Ok(());
        }
        self.objects(keys, &key, Some(&descriptor))
            .write_hint()
            .await
    }

    /// Writes missing entries of the index of users, and removes those that lead nowhere.
    pub(super) async fn users(
        &mut self,
        keys: &SecondKeys,
        suspects: &Suspects,
        mut sidecars: HashMap<String, MediaKey>,
        mut listed: Listing,
    ) -> Result<(), StorageError> {
        let mut alone = Vec::new();
        while let Some(meta) = listed.try_next().await? {
            let Some(entry) = keys.parse_user_entry(&meta.location) else {
                continue;
            };
            if sidecars.remove(entry.token()).is_none()
                && suspects.contains(entry.token())
                && self.is_settled(meta.last_modified)
            {
                alone.push((meta.location, entry));
            }
        }
        if self.mode == Mode::DryRun {
            return Ok(());
        }
        for (path, entry) in alone {
            let removed = self.idle_entry(keys, &path, entry).await;
            self.note(removed)?;
        }
        for key in sidecars.into_values() {
            let written = async {
                match self.second_objects(keys, &key).await? {
                    Some(objects) => objects.write_entry().await,
                    None => Ok(()),
                }
            };
            let written = written.await;
            self.note(written)?;
        }
        Ok(())
    }

    /// Removes an entry of an index whose reference does not exist. An import that is repeated at this
    /// moment writes the very same entry: it is written again if the reference exists then.
    async fn idle_entry(
        &self,
        keys: &SecondKeys,
        path: &Path,
        entry: UserEntry,
    ) -> Result<(), StorageError> {
        let key = match entry {
            UserEntry::Named(key) => Some(key),
            UserEntry::InBody(_) => {
                let body = self.bucket.get(path, 1024).await?;
                body.and_then(|(id, _)| std::str::from_utf8(&id).ok().and_then(MediaKey::parse))
            }
        };
        let Some(key) = key else {
            return self.bucket.delete(path).await;
        };
        match sidecar::read_any(&self.bucket, &self.shared.keys, &key).await? {
            // An import that replaces the tombstone would lose its entry.
            SidecarRead::Present(_) | SidecarRead::Retired => return Ok(()),
            SidecarRead::Missing | SidecarRead::Tombstone | SidecarRead::Foreign => {}
        }
        self.bucket.delete(path).await?;
        match self.second_objects(keys, &key).await? {
            Some(objects) => objects.write_entry().await,
            None => Ok(()),
        }
    }

    /// Returns access to the objects of a reference that has a sidecar of the second protocol.
    async fn second_objects(
        &self,
        keys: &SecondKeys,
        key: &MediaKey,
    ) -> Result<Option<ReferenceObjects>, StorageError> {
        let read = sidecar::read(&self.bucket, &self.shared.keys, key).await?;
        let second = read.filter(|read| read.protocol == Protocol::Second);
        Ok(second.map(|descriptor| self.objects(keys, key, Some(&descriptor))))
    }

    /// Writes the hint of a reference again that was removed, if the reference exists.
    pub(super) async fn write_hint_again(&self, key: &MediaKey) -> Result<(), StorageError> {
        let Some(keys) = self.shared.keys.second() else {
            return Ok(());
        };
        match self.second_objects(keys, key).await? {
            Some(objects) => objects.write_hint().await,
            None => Ok(()),
        }
    }
}
