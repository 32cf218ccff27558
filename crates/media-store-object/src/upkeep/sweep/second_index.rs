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
        // A hint whose reference has a sidecar, until another one of that reference is seen.
        let mut matched = HashMap::new();
        while let Some(meta) = listed.try_next().await? {
            let token = SecondKeys::token_of_hint(&meta.location).unwrap_or_default();
            let token = token.to_owned();
            if sidecars.remove(&token).is_some() {
                matched.insert(token, meta);
            } else if suspects.contains(&token) {
                alone.extend(matched.remove(&token));
                alone.push(meta);
            }
        }
        alone.retain(|meta| self.is_settled(meta.last_modified));
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
        // An entry whose reference has a sidecar, until another one of that reference is seen.
        let mut matched = HashMap::new();
        while let Some(meta) = listed.try_next().await? {
            let Some(entry) = keys.parse_user_entry(&meta.location) else {
                continue;
            };
            let token = entry.token().to_owned();
            if sidecars.remove(&token).is_some() {
                matched.insert(token, (meta, entry));
            } else if suspects.contains(&token) {
                alone.extend(matched.remove(&token));
                alone.push((meta, entry));
            }
        }
        alone.retain(|(meta, _)| self.is_settled(meta.last_modified));
        if self.mode == Mode::DryRun {
            return Ok(());
        }
        for (meta, entry) in alone {
            let removed = self.idle_entry(keys, &meta.location, entry).await;
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

    /// Removes an entry of an index whose reference does not exist, or belongs to another user since an
    /// update. An import that is repeated at this moment, or an update, writes the very same entry: it is
    /// written again if the reference needs it then.
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
            SidecarRead::Retired => return Ok(()),
            SidecarRead::Present(found) => {
                let objects = self.objects(keys, &key, Some(&found));
                if found.protocol == Protocol::First || objects.is_entry(path)? {
                    return Ok(());
                }
                objects.write_entry().await?;
                // An update that gives the media back has written this entry since the listing.
                let there = self.bucket.head(path).await?;
                if there.is_none_or(|there| !self.is_settled(there.last_modified)) {
                    return Ok(());
                }
            }
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
