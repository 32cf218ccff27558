//! The listings of a full sweep by the second protocol, compared with each other.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use media_storage::StorageError;

use super::super::walk::{BuriedSidecar, ListedReference, WalkItem, walk};
use super::second_garbage::{Division, SHARDS_AT_ONCE};
use super::state::{Mode, Sweep};
use super::tally::Tally;
use crate::bucket::{MarkerState, MediaKey, SHARDS, SecondKeys, SecondMarker};
use crate::protocol::Nonce;
use crate::protocol::v2::TombstoneOutcome;
use crate::reference::flags::SidecarFlags;
use crate::second::{self, ReferenceObjects, SecondContent};

/// Maximum number of tombstones, and of leftovers, that one sweep remembers, in a few megabytes. The
/// next one continues.
pub(super) const MAX_TOMBSTONES: usize = 50_000;

/// What the listings show.
pub(super) struct Join {
    /// References with a sidecar, and those with a sealed marker.
    pub(super) markers: Tally,
    /// References whose sidecar says that they expire, and those with a hint.
    pub(super) hints: Tally,
    /// References whose sidecar says that they have a user, and those in an index.
    pub(super) users: Tally,
    /// Provisional markers that are older than the grace.
    pub(super) provisional: Vec<SecondMarker>,
    /// Old tombstones of markers, by the token of the reference.
    pub(super) buried: HashMap<String, SecondMarker>,
    /// Old tombstones of sidecars for which no old tombstone of a marker is known.
    pub(super) lone: HashMap<String, BuriedSidecar>,
    /// Sidecars of media that is not shared, without the media.
    pub(super) without_bytes: Vec<MediaKey>,
    /// Number of sidecars that are not of the second protocol.
    pub(super) first: u64,
}

impl Join {
    pub(super) fn new(seed: Nonce) -> Self {
        Self {
            markers: Tally::new(seed),
            hints: Tally::new(seed),
            users: Tally::new(seed),
            provisional: Vec::new(),
            buried: HashMap::new(),
            lone: HashMap::new(),
            without_bytes: Vec::new(),
            first: 0,
        }
    }
}

impl Sweep<'_> {
    /// Lists all markers, in any order. Costs a listing.
    pub(super) async fn list_markers(
        &self,
        keys: &SecondKeys,
        division: Division,
        join: &mut Join,
    ) -> Result<(), StorageError> {
        let prefixes: Result<Vec<_>, _> = match division {
            Division::Whole => [keys.all("ref")].into_iter().collect(),
            Division::Shards => SHARDS
                .iter()
                .map(|digit| keys.shard("ref", digit))
                .collect(),
        };
        let listings = prefixes?.into_iter();
        let listings = listings.map(|prefix| self.bucket.list(&prefix, None));
        let mut listed = stream::iter(listings).flatten_unordered(SHARDS_AT_ONCE);
        while let Some(meta) = listed.try_next().await? {
            let Some(marker) = keys.parse_marker(&meta.location) else {
                continue;
            };
            match MarkerState::of_size(meta.size) {
                MarkerState::Sealed if self.is_settled(meta.last_modified) => {
                    join.markers.add_belonging(&marker.token);
                }
                MarkerState::Provisional
                    if self.is_settled(meta.last_modified)
                        && join.provisional.len() < MAX_TOMBSTONES =>
                {
                    join.provisional.push(marker);
                }
                MarkerState::Tombstone
                    if self.is_removable(meta.last_modified)
                        && join.buried.len() < MAX_TOMBSTONES =>
                {
                    join.buried.insert(marker.token.clone(), marker);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Lists all sidecars and media. Costs a listing, and requests for leftovers and old tombstones.
    pub(super) async fn list_references(&mut self, join: &mut Join) -> Result<(), StorageError> {
        let keys = &self.shared.keys;
        let mut items = walk(&self.bucket, keys, keys.prefix());
        while let Some(item) = items.try_next().await? {
            match item {
                WalkItem::MediaOnly(own) => self.media_only(own).await?,
                WalkItem::Tombstone(buried) => self.tombstone(buried, join).await?,
                WalkItem::Reference(listed) => self.listed(listed, join).await?,
            }
        }
        Ok(())
    }

    async fn listed(
        &mut self,
        listed: ListedReference,
        join: &mut Join,
    ) -> Result<(), StorageError> {
        let Some(flags) = SidecarFlags::of_size(listed.size) else {
            join.first += 1;
            return Ok(());
        };
        let token = listed.key.token();
        if let Some(marker) = join.buried.remove(token) {
            // An interrupted deletion, or the marker of a revision that an import replaced.
            if !self.remove_pair(&listed.key, marker, false).await? {
                return Ok(());
            }
        }
        if !self.is_settled(listed.modified) {
            return Ok(());
        }
        if flags.shared {
            join.markers.add_described(token);
        } else if listed.own.is_none() && join.without_bytes.len() < MAX_TOMBSTONES {
            join.without_bytes.push(listed.key.clone());
        }
        if flags.expires {
            join.hints.add_described(token);
        }
        if flags.has_user {
            join.users.add_described(token);
        }
        Ok(())
    }

    async fn tombstone(
        &mut self,
        buried: BuriedSidecar,
        join: &mut Join,
    ) -> Result<(), StorageError> {
        if !self.is_removable(buried.modified) {
            // Its marker's tombstone must not be taken for one without a sidecar.
            join.buried.remove(buried.key.token());
            return Ok(());
        }
        match join.buried.remove(buried.key.token()) {
            Some(marker) => self.remove_pair(&buried.key, marker, true).await.map(drop),
            None => {
                if join.lone.len() < MAX_TOMBSTONES {
                    join.lone.insert(buried.key.token().to_owned(), buried);
                }
                Ok(())
            }
        }
    }

    /// Removes the tombstones of a reference, the marker's first, or finishes its deletion. Returns
    /// whether there is a later sidecar, which is not concerned.
    pub(super) async fn remove_pair(
        &mut self,
        key: &MediaKey,
        marker: SecondMarker,
        with_sidecar: bool,
    ) -> Result<bool, StorageError> {
        let Some(second) = self.shared.keys.second() else {
            return Ok(false);
        };
        if self.mode == Mode::DryRun {
            return Ok(false);
        }
        let content = SecondContent::named(&self.bucket, second, marker.name);
        let objects = ReferenceObjects::new(&self.bucket, &self.shared.keys, second, key, None)
            .with_revision(marker.revision);
        let removed = async {
            if with_sidecar && marker.revision.is_some() {
                second::bury_others(&content, &objects).await?;
            }
            second::remove_tombstones(content, objects, marker.generation, with_sidecar).await
        };
        match removed.await {
            Ok(outcome) => {
                self.failures.succeeded();
                Ok(outcome == TombstoneOutcome::Superseded)
            }
            Err(error) => self.failures.failed(error).map(|()| false),
        }
    }

    /// Removes old tombstones of markers that have no sidecar and no tombstone of one.
    pub(super) async fn remove_lone_markers(
        &mut self,
        keys: &SecondKeys,
        join: &mut Join,
    ) -> Result<(), StorageError> {
        if self.mode == Mode::DryRun {
            return Ok(());
        }
        let markers = std::mem::take(&mut join.buried).into_values();
        let paths: Result<Vec<_>, _> = markers
            .map(|marker| {
                keys.marker(
                    marker.name,
                    marker.generation,
                    &marker.token,
                    marker.revision,
                )
            })
            .collect();
        if let (_, Err(error)) = self.bucket.delete_all(paths?).await {
            self.failures.failed(error)?;
        }
        Ok(())
    }

    /// Lists all expiry hints. Costs a listing.
    pub(super) async fn list_hints(
        &self,
        keys: &SecondKeys,
        join: &mut Join,
    ) -> Result<(), StorageError> {
        let mut listed = self.bucket.list(&keys.all("expiry")?, None);
        while let Some(meta) = listed.try_next().await? {
            if self.is_settled(meta.last_modified)
                && let Some(token) = SecondKeys::token_of_hint(&meta.location)
            {
                join.hints.add_belonging(token);
            }
        }
        Ok(())
    }

    /// Lists the index of all users. Costs a listing.
    pub(super) async fn list_users(
        &self,
        keys: &SecondKeys,
        join: &mut Join,
    ) -> Result<(), StorageError> {
        let mut listed = self.bucket.list(&keys.all("user")?, None);
        while let Some(meta) = listed.try_next().await? {
            if self.is_settled(meta.last_modified)
                && let Some(entry) = keys.parse_user_entry(&meta.location)
            {
                join.users.add_belonging(entry.token());
            }
        }
        Ok(())
    }
}
