//! What a shared sweep does with all that its listings found.
//!
//! Listings of other sweeps, and earlier ones, only say where to look. Tombstones are looked at again, or
//! all markers are listed again, before one is removed.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt as _};
use media_storage::StorageError;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::super::super::walk::BuriedSidecar;
use super::super::second_join::Join;
use super::super::second_repair::Sidecars;
use super::super::state::Sweep;
use super::super::tally::Suspects;
use super::found::{Found, Listed, Wanted};
use crate::bucket::{MarkerState, MediaKey, OuterObject, SecondKeys, SecondMarker};
use crate::protocol::Nonce;
use crate::reference::flags::SidecarFlags;
use crate::reference::tombstone::Tombstone;

/// Old tombstones, by the token of the reference.
struct Tombstones {
    /// Those of a marker and a sidecar.
    pairs: Vec<(MediaKey, SecondMarker)>,
    /// Those of a marker whose sidecar has no old tombstone.
    markers: HashMap<String, SecondMarker>,
    /// Those of a sidecar whose marker has no old tombstone.
    sidecars: HashMap<String, BuriedSidecar>,
}

impl Sweep<'_> {
    /// Returns what a second listing has to collect.
    pub(super) fn wanted(&self, keys: &SecondKeys, found: &Found) -> Wanted {
        let [markers, hints, users] =
            [&found.markers, &found.hints, &found.users].map(|tally| tally.suspects());
        let tombstones = self.tombstones(keys, found);
        Wanted {
            markers,
            hints,
            users,
            tokens: tombstones.markers.into_keys().collect(),
        }
    }

    fn tombstones(&self, keys: &SecondKeys, found: &Found) -> Tombstones {
        let metas = |listed: &[Listed]| -> Vec<ObjectMeta> {
            listed.iter().cloned().filter_map(Listed::meta).collect()
        };
        let mut all = Tombstones {
            pairs: Vec::new(),
            markers: HashMap::new(),
            sidecars: HashMap::new(),
        };
        for meta in metas(&found.lists.buried_markers) {
            if let Some(marker) = keys.parse_marker(&meta.location) {
                all.markers.insert(marker.token.clone(), marker);
            }
        }
        for meta in metas(&found.lists.buried_sidecars) {
            let Some(OuterObject::Sidecar(key)) = self.shared.keys.outer(&meta.location) else {
                continue;
            };
            if let Some(marker) = all.markers.remove(key.token()) {
                all.pairs.push((key, marker));
                continue;
            }
            let buried = BuriedSidecar {
                modified: meta.last_modified,
                retired: Tombstone::of_size(meta.size) == Some(Tombstone::Retired),
                size: meta.size,
                key,
            };
            all.sidecars.insert(buried.key.token().to_owned(), buried);
        }
        all
    }

    /// Acts on what the first and the second listings found.
    pub(super) async fn finish(
        &mut self,
        keys: &SecondKeys,
        found: &Found,
        wanted: &Wanted,
        collected: Vec<Listed>,
    ) -> Result<(), StorageError> {
        let mut tombstones = self.tombstones(keys, found);
        for (key, marker) in std::mem::take(&mut tombstones.pairs) {
            let old = self.is_pair_old(keys, &key, &marker).await;
            if let Some(true) = self.noted(old)? {
                self.remove_pair(&key, marker, true).await?;
            }
        }
        let provisional = found.lists.provisional.iter().cloned();
        for meta in provisional.filter_map(Listed::meta) {
            if let Some(marker) = keys.parse_marker(&meta.location) {
                let examined = self.provisional(keys, &marker).await;
                self.note(examined)?;
            }
        }
        let mut sidecars = Sidecars::default();
        let mut others: HashMap<String, Vec<ObjectMeta>> = HashMap::new();
        for meta in collected.into_iter().filter_map(Listed::meta) {
            match self.shared.keys.outer(&meta.location) {
                Some(OuterObject::Sidecar(key)) => {
                    let marker = tombstones.markers.remove(key.token());
                    self.collected(keys, wanted, (key, meta.size), marker, &mut sidecars)
                        .await?;
                }
                Some(_) => {}
                None => {
                    let kind = keys.kind(&meta.location).to_owned();
                    others.entry(kind).or_default().push(meta);
                }
            }
        }
        self.remove_lone(keys, tombstones.markers).await?;
        let suspects = [&wanted.markers, &wanted.hints, &wanted.users];
        self.repair_listed(keys, suspects, sidecars, HashMap::new(), |kind| {
            let metas = others.get(kind).cloned().unwrap_or_default();
            Ok(stream::iter(metas).map(Ok).boxed())
        })
        .await?;
        self.remove_lone_sidecars(keys, tombstones.sidecars).await
    }

    /// Deals with a sidecar that a second listing collected, and with the old tombstone of a marker of the
    /// reference, if there is one.
    async fn collected(
        &mut self,
        keys: &SecondKeys,
        wanted: &Wanted,
        (key, size): (MediaKey, u64),
        marker: Option<SecondMarker>,
        sidecars: &mut Sidecars,
    ) -> Result<(), StorageError> {
        // A young tombstone keeps that of its marker.
        let Some(flags) = SidecarFlags::of_size(size) else {
            return Ok(());
        };
        if let Some(marker) = marker {
            let old = self.is_marker_old(keys, &marker).await;
            if let Some(true) = self.noted(old)?
                && !self.remove_pair(&key, marker, false).await?
            {
                return Ok(());
            }
        }
        let token = key.token().to_owned();
        for (applies, suspects, map) in [
            (flags.shared, &wanted.markers, &mut sidecars.markers),
            (flags.expires, &wanted.hints, &mut sidecars.hints),
            (flags.has_user, &wanted.users, &mut sidecars.users),
        ] {
            if applies && suspects.contains(&token) {
                map.insert(token.clone(), key.clone());
            }
        }
        Ok(())
    }

    /// Counts a failure. Returns what succeeded.
    fn noted<T>(&mut self, done: Result<T, StorageError>) -> Result<Option<T>, StorageError> {
        match done {
            Ok(value) => Ok(Some(value)),
            Err(error) => self.failures.failed(error).map(|()| None),
        }
    }

    async fn is_pair_old(
        &self,
        keys: &SecondKeys,
        key: &MediaKey,
        marker: &SecondMarker,
    ) -> Result<bool, StorageError> {
        let sidecar = self.shared.keys.sidecar(key)?;
        Ok(self.is_sidecar_old(&sidecar).await? && self.is_marker_old(keys, marker).await?)
    }

    /// Whether there is still an old tombstone of a sidecar.
    async fn is_sidecar_old(&self, path: &Path) -> Result<bool, StorageError> {
        let meta = self.bucket.head(path).await?;
        Ok(meta.is_some_and(|meta| {
            Tombstone::of_size(meta.size).is_some() && self.is_removable(meta.last_modified)
        }))
    }

    /// Whether there is still an old tombstone of a marker.
    async fn is_marker_old(
        &self,
        keys: &SecondKeys,
        marker: &SecondMarker,
    ) -> Result<bool, StorageError> {
        let revision = marker.revision;
        let path = keys.marker(marker.name, marker.generation, &marker.token, revision)?;
        let meta = self.bucket.head(&path).await?;
        Ok(meta.is_some_and(|meta| {
            MarkerState::of_size(meta.size) == MarkerState::Tombstone
                && self.is_removable(meta.last_modified)
        }))
    }

    /// Removes tombstones of markers for which the second listing showed no sidecar.
    async fn remove_lone(
        &mut self,
        keys: &SecondKeys,
        markers: HashMap<String, SecondMarker>,
    ) -> Result<(), StorageError> {
        let mut join = Join::new(Nonce::new(0));
        for (token, marker) in markers {
            let old = self.is_marker_old(keys, &marker).await;
            if let Some(true) = self.noted(old)? {
                join.buried.insert(token, marker);
            }
        }
        self.remove_lone_markers(keys, &mut join).await
    }

    /// Removes tombstones of sidecars that have no marker. No name leads from them to their marker, and
    /// without them a sealed one would bring the reference back: all markers are listed again for them.
    async fn remove_lone_sidecars(
        &mut self,
        keys: &SecondKeys,
        sidecars: HashMap<String, BuriedSidecar>,
    ) -> Result<(), StorageError> {
        let mut lone = HashMap::new();
        for (token, buried) in sidecars {
            let path = self.shared.keys.sidecar(&buried.key)?;
            let old = self.is_sidecar_old(&path).await;
            if let Some(true) = self.noted(old)? {
                lone.insert(token, buried);
            }
        }
        if lone.is_empty() {
            return Ok(());
        }
        let listed = self.bucket.list(&keys.all("ref")?, None);
        let none = Suspects::none();
        self.markers(keys, &none, &mut HashMap::new(), lone, listed)
            .await
    }
}
