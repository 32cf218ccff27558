//! Repairing what the listings of a full sweep disagree about.

use std::collections::HashMap;

use futures_util::stream::TryStreamExt as _;
use media_storage::{MAX_SIDECAR_LEN, StorageError};
use object_store::path::Path;

use super::super::walk::{BuriedSidecar, WalkItem, walk};
use super::second_join::Join;
use super::state::{Cause, Listing, Mode, Sweep};
use super::tally::Suspects;
use crate::bucket::{MarkerState, MediaKey, SecondKeys, SecondMarker};
use crate::protocol::v2::RetireOutcome;
use crate::reference::flags::SidecarFlags;
use crate::reference::sidecar::{self, ByteLocation, Descriptor, Protocol, SidecarRead};
use crate::second::{self, ReferenceObjects, SecondContent};

/// Sidecars that may lack what belongs to them.
#[derive(Default)]
pub(super) struct Sidecars {
    pub(super) markers: HashMap<String, MediaKey>,
    pub(super) hints: HashMap<String, MediaKey>,
    pub(super) users: HashMap<String, MediaKey>,
}

impl Sweep<'_> {
    /// Looks at what is in one listing and not in another. Returns whether that was all of it. Costs
    /// listings only where there is a difference.
    pub(super) async fn repair(
        &mut self,
        keys: &SecondKeys,
        join: &mut Join,
    ) -> Result<bool, StorageError> {
        for key in std::mem::take(&mut join.without_bytes) {
            let examined = self.without_bytes(&key).await;
            self.note(examined)?;
        }
        for marker in std::mem::take(&mut join.provisional) {
            let examined = self.provisional(keys, &marker).await;
            self.note(examined)?;
        }
        let [markers, hints, users] =
            [&join.markers, &join.hints, &join.users].map(|tally| tally.suspects());
        let complete = users.complete;
        let mut sidecars = Sidecars::default();
        if !(markers.is_empty() && hints.is_empty() && users.is_empty()) {
            sidecars = self.suspected_sidecars(&markers, &hints, &users).await?;
        }
        let lone = std::mem::take(&mut join.lone);
        let (bucket, all) = (self.bucket.clone(), keys.clone());
        let suspects = [&markers, &hints, &users];
        self.repair_listed(keys, suspects, sidecars, lone, |kind| {
            Ok(bucket.list(&all.all(kind)?, None))
        })
        .await?;
        Ok(complete)
    }

    /// Compares sidecars with listings of markers, hints and the index of users, and repairs what is in one
    /// and not in the other. Lists a kind of object only where there may be a difference.
    pub(super) async fn repair_listed(
        &mut self,
        keys: &SecondKeys,
        [markers, hints, users]: [&Suspects; 3],
        mut sidecars: Sidecars,
        lone: HashMap<String, BuriedSidecar>,
        list: impl Fn(&str) -> Result<Listing, StorageError>,
    ) -> Result<(), StorageError> {
        if !(markers.is_empty() && lone.is_empty()) {
            self.markers(keys, markers, &mut sidecars.markers, lone, list("ref")?)
                .await?;
        }
        for key in sidecars.markers.into_values() {
            let examined = self.without_marker(keys, key).await;
            self.note(examined)?;
        }
        if !hints.is_empty() {
            self.hints(keys, hints, sidecars.hints, list("expiry")?)
                .await?;
        }
        if !users.is_empty() {
            self.users(keys, users, sidecars.users, list("user")?)
                .await?;
        }
        Ok(())
    }

    /// Counts a step as done or as failed. Fails after many failures in a row.
    pub(super) fn note(&mut self, done: Result<(), StorageError>) -> Result<(), StorageError> {
        match done {
            Ok(()) => {
                self.failures.succeeded();
                Ok(())
            }
            Err(error) => self.failures.failed(error),
        }
    }

    /// Retires a provisional marker: its store died before it sealed the marker. Its sidecar, if there is
    /// one, is one without a sealed marker.
    pub(super) async fn provisional(
        &self,
        keys: &SecondKeys,
        marker: &SecondMarker,
    ) -> Result<(), StorageError> {
        if self.mode == Mode::DryRun {
            return Ok(());
        }
        second::retire_marker(&self.bucket, keys, marker).await
    }

    async fn suspected_sidecars(
        &self,
        markers: &Suspects,
        hints: &Suspects,
        users: &Suspects,
    ) -> Result<Sidecars, StorageError> {
        let keys = &self.shared.keys;
        let mut found = Sidecars::default();
        let mut items = walk(&self.bucket, keys, keys.prefix());
        while let Some(item) = items.try_next().await? {
            let WalkItem::Reference(listed) = item else {
                continue;
            };
            let Some(flags) = SidecarFlags::of_size(listed.size) else {
                continue;
            };
            if !self.is_settled(listed.modified) {
                continue;
            }
            let token = listed.key.token();
            for (applies, suspects, map) in [
                (flags.shared, markers, &mut found.markers),
                (flags.expires, hints, &mut found.hints),
                (flags.has_user, users, &mut found.users),
            ] {
                if applies && suspects.contains(token) {
                    map.insert(token.to_owned(), listed.key.clone());
                }
            }
        }
        Ok(found)
    }

    /// Compares the markers of a listing: takes the sidecars that have one out of the map, and heals markers
    /// without a sidecar. Removes old tombstones of sidecars that have no marker.
    pub(super) async fn markers(
        &mut self,
        keys: &SecondKeys,
        suspects: &Suspects,
        sidecars: &mut HashMap<String, MediaKey>,
        mut lone: HashMap<String, BuriedSidecar>,
        mut listed: Listing,
    ) -> Result<(), StorageError> {
        // A marker whose reference has a sidecar, until another one of that reference is seen.
        let mut matched = HashMap::new();
        while let Some(meta) = listed.try_next().await? {
            let Some(marker) = keys.parse_marker(&meta.location) else {
                continue;
            };
            let buried = lone.remove(&marker.token).is_some();
            if MarkerState::of_size(meta.size) != MarkerState::Sealed {
                continue;
            }
            if sidecars.remove(&marker.token).is_some() {
                let first = (meta.location.clone(), marker.clone());
                matched.insert(marker.token.clone(), first);
                if !buried {
                    continue;
                }
            } else if let Some((path, first)) = matched.remove(&marker.token) {
                let healed = self.heal_marker(keys, &path, first).await;
                self.note(healed)?;
            }
            let alone = suspects.contains(&marker.token);
            if (alone && self.is_settled(meta.last_modified)) || buried {
                let healed = self.heal_marker(keys, &meta.location, marker).await;
                self.note(healed)?;
            }
        }
        if self.mode == Mode::Remove {
            let (retired, buried): (Vec<_>, Vec<_>) =
                lone.into_values().partition(|lone| lone.retired);
            for lone in retired {
                let removed = second::remove_retired(&self.objects(keys, &lone.key, None)).await;
                self.note(removed)?;
            }
            let paths: Result<Vec<Path>, _> = buried
                .iter()
                .map(|lone| self.shared.keys.sidecar(&lone.key))
                .collect();
            if let (_, Err(error)) = self.bucket.delete_all(paths?).await {
                self.failures.failed(error)?;
            }
        }
        Ok(())
    }

    /// Restores the sidecar of a marker from the copy in it, or deletes the reference if it has
    /// expired.
    async fn heal_marker(
        &mut self,
        keys: &SecondKeys,
        path: &Path,
        marker: SecondMarker,
    ) -> Result<(), StorageError> {
        if self.mode == Mode::DryRun {
            return Ok(());
        }
        let Some((json, _)) = self.bucket.get(path, 2 * MAX_SIDECAR_LEN).await? else {
            return Ok(());
        };
        if MarkerState::of_size(json.len() as u64) != MarkerState::Sealed {
            return Ok(());
        }
        let read = Descriptor::of_second_marker(&json, keys, &marker);
        let (key, descriptor) = read.map_err(|error| self.bucket.adopt(error))?;
        // Media on hold is restored, so that it can be released.
        if descriptor.sidecar.is_expired(self.now) && !descriptor.sidecar.hold {
            return self.delete(vec![(key, descriptor)], Cause::Expired).await;
        }
        let content = SecondContent::named(&self.bucket, keys, marker.name);
        let objects = self.objects(keys, &key, Some(&descriptor));
        let (copy, generation) = (&descriptor.sidecar, marker.generation);
        let heal = || second::heal(content.clone(), objects.clone(), generation, copy);
        if !heal().await? && self.is_retired(keys, &key, path, &descriptor).await? {
            heal().await?;
        }
        Ok(())
    }

    /// Deals with the sidecar of another revision, which an import could create because that of this
    /// sealed marker was lost. If that import was completed, this marker is buried; otherwise its sidecar
    /// is retired. Returns whether it was.
    async fn is_retired(
        &self,
        keys: &SecondKeys,
        key: &MediaKey,
        path: &Path,
        sealed: &Descriptor,
    ) -> Result<bool, StorageError> {
        let shared = &self.shared.keys;
        let read = sidecar::read(&self.bucket, shared, key).await?;
        let Some(other) = read.filter(|read| read.revision != sealed.revision) else {
            return Ok(false);
        };
        let ByteLocation::Shared(generation) = other.location else {
            return Ok(false);
        };
        if other.exists(&self.bucket, shared, key).await? {
            return self.bucket.bury(path).await.map(|()| false);
        }
        let content = SecondContent::new(&self.bucket, keys, other.sidecar.sha256);
        let objects = self.objects(keys, key, Some(&other));
        let retired = second::retire(content, objects, generation).await?;
        Ok(retired == RetireOutcome::Retired)
    }

    pub(super) fn objects(
        &self,
        keys: &SecondKeys,
        key: &MediaKey,
        descriptor: Option<&Descriptor>,
    ) -> ReferenceObjects {
        let sidecar = descriptor.map(|descriptor| &descriptor.sidecar);
        ReferenceObjects::new(&self.bucket, &self.shared.keys, keys, key, sidecar)
    }

    /// Retires a sidecar of shared media that has no sealed marker.
    pub(super) async fn without_marker(
        &mut self,
        keys: &SecondKeys,
        key: MediaKey,
    ) -> Result<(), StorageError> {
        let read = sidecar::read(&self.bucket, &self.shared.keys, &key).await?;
        let Some(descriptor) = read else {
            return Ok(());
        };
        let (ByteLocation::Shared(generation), Protocol::Second) =
            (descriptor.location, descriptor.protocol)
        else {
            return self.first_leftover(&key, &descriptor).await;
        };
        if descriptor
            .exists(&self.bucket, &self.shared.keys, &key)
            .await?
        {
            return Ok(());
        }
        if self.mode == Mode::Remove {
            let sha256 = descriptor.sidecar.sha256;
            let content = SecondContent::new(&self.bucket, keys, sha256);
            let objects = self.objects(keys, &key, Some(&descriptor));
            if second::retire(content, objects, generation).await? == RetireOutcome::Held {
                return Ok(());
            }
        }
        self.report.orphans += 1;
        Ok(())
    }

    /// Retires a sidecar of media that is not shared, if the media is missing.
    pub(super) async fn without_bytes(&mut self, key: &MediaKey) -> Result<(), StorageError> {
        let keys = &self.shared.keys;
        let read = sidecar::read_any(&self.bucket, keys, key).await?;
        let (SidecarRead::Present(descriptor), Some(second)) = (read, keys.second()) else {
            return Ok(());
        };
        if descriptor.protocol == Protocol::First {
            return self.first_leftover(key, &descriptor).await;
        }
        let media = descriptor.bytes(keys, key)?;
        if descriptor.location != ByteLocation::Own || self.bucket.head(&media).await?.is_some() {
            return Ok(());
        }
        if self.mode == Mode::Remove {
            let objects = self.objects(second, key, Some(&descriptor));
            second::retire_own(&objects).await?;
        }
        self.report.orphans += 1;
        Ok(())
    }

    /// Removes a sidecar of the first protocol whose size is that of one of the second, if its media
    /// or its marker is missing.
    async fn first_leftover(
        &mut self,
        key: &MediaKey,
        descriptor: &Descriptor,
    ) -> Result<(), StorageError> {
        let keys = &self.shared.keys;
        if descriptor.protocol == Protocol::Second {
            return Ok(());
        }
        let object = match descriptor.location {
            ByteLocation::Own => keys.media(key)?,
            ByteLocation::Shared(generation) => {
                keys.marker(descriptor.sidecar.sha256, generation, key.token())?
            }
        };
        if self.bucket.head(&object).await?.is_some() {
            return Ok(());
        }
        if self.mode == Mode::Remove {
            self.bucket.delete(&keys.sidecar(key)?).await?;
        }
        self.report.orphans += 1;
        Ok(())
    }
}
