//! The listings that are compared with each other.

use futures_util::stream::TryStreamExt as _;
use media_storage::StorageError;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::super::super::walk::{ListedReference, WalkItem, walk_after};
use super::super::second_join::MAX_TOMBSTONES;
use super::super::state::Sweep;
use super::cursor::Cursor;
use super::found::{Found, Listed, Wanted};
use super::ledger::Lease;
use super::part::{Kind, Part};
use crate::bucket::{MarkerState, SecondKeys};
use crate::reference::flags::SidecarFlags;

/// Appends to a list that has a maximum length. The next sweep continues with what is left out.
fn keep(list: &mut Vec<Listed>, listed: Listed) {
    if list.len() < MAX_TOMBSTONES {
        list.push(listed);
    }
}

impl Sweep<'_> {
    /// Lists markers, hints or the index of users. Returns whether the lease was held until the end.
    pub(super) async fn list_part(
        &mut self,
        keys: &SecondKeys,
        part: Part,
        wanted: Option<&Wanted>,
        lease: &mut Lease<'_>,
    ) -> Result<bool, StorageError> {
        let directory = match part.kind {
            Kind::Markers => "ref",
            Kind::Hints => "expiry",
            _ => "user",
        };
        let prefix = match part.shard {
            Some(digit) => keys.shard(directory, digit)?,
            None => keys.all(directory)?,
        };
        let after = place(lease);
        let mut listed = self.bucket.list(&prefix, after.as_ref());
        let mut cursor = Cursor::new(lease);
        while let Some(meta) = listed.try_next().await? {
            let found = &mut cursor.lease.found;
            match wanted {
                Some(wanted) => collect(keys, part.kind, wanted, &meta, found),
                None => self.compare(keys, part.kind, &meta, found),
            }
            if !cursor.passed(meta.location.as_ref()).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn compare(&self, keys: &SecondKeys, kind: Kind, meta: &ObjectMeta, found: &mut Found) {
        let is_settled = self.is_settled(meta.last_modified);
        match kind {
            Kind::Markers => {
                let Some(marker) = keys.parse_marker(&meta.location) else {
                    return;
                };
                match MarkerState::of_size(meta.size) {
                    MarkerState::Sealed if is_settled => found.markers.toggle(&marker.token),
                    MarkerState::Provisional if is_settled => {
                        keep(&mut found.lists.provisional, meta.into());
                    }
                    MarkerState::Tombstone if self.is_removable(meta.last_modified) => {
                        keep(&mut found.lists.buried_markers, meta.into());
                    }
                    _ => {}
                }
            }
            Kind::Hints if is_settled => {
                if let Some(token) = meta.location.filename() {
                    found.hints.toggle(token);
                }
            }
            Kind::Users if is_settled => {
                if let Some(entry) = keys.parse_user_entry(&meta.location) {
                    found.users.toggle(entry.token());
                }
            }
            _ => {}
        }
    }

    /// Lists sidecars and media that is not shared, and removes leftovers. Returns whether the lease was
    /// held until the end.
    pub(super) async fn references_part(
        &mut self,
        wanted: Option<&Wanted>,
        lease: &mut Lease<'_>,
    ) -> Result<bool, StorageError> {
        let keys = &self.shared.keys;
        let after = place(lease);
        let mut items = walk_after(&self.bucket, keys, keys.prefix(), after.as_ref());
        let mut cursor = Cursor::new(lease);
        while let Some(item) = items.try_next().await? {
            let found = &mut cursor.lease.found;
            let place = match item {
                WalkItem::MediaOnly(own) => {
                    let place = keys.media(&own.key)?;
                    // The second listing finds it again.
                    if wanted.is_none() {
                        self.media_only(own).await?;
                    }
                    place
                }
                WalkItem::Tombstone(buried) => {
                    let place = keys.sidecar(&buried.key)?;
                    let listed = Listed::new(&place, buried.size, buried.modified);
                    match wanted {
                        Some(wanted) if wanted.tokens.contains(buried.key.token()) => {
                            keep(&mut found.lists.collected, listed);
                        }
                        None if self.is_removable(buried.modified) => {
                            keep(&mut found.lists.buried_sidecars, listed);
                        }
                        _ => {}
                    }
                    place
                }
                WalkItem::Reference(reference) => {
                    let place = keys.sidecar(&reference.key)?;
                    match wanted {
                        Some(wanted) => self.collect_sidecar(wanted, &place, &reference, found),
                        None => self.compare_sidecar(&reference, found).await?,
                    }
                    place
                }
            };
            if !cursor.passed(place.as_ref()).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn compare_sidecar(
        &mut self,
        listed: &ListedReference,
        found: &mut Found,
    ) -> Result<(), StorageError> {
        let Some(flags) = SidecarFlags::of_size(listed.size) else {
            found.lists.first += 1;
            return Ok(());
        };
        if !self.is_settled(listed.modified) {
            return Ok(());
        }
        let token = listed.key.token();
        if flags.expires {
            found.hints.toggle(token);
        }
        if flags.has_user {
            found.users.toggle(token);
        }
        if flags.shared {
            found.markers.toggle(token);
        } else if listed.own.is_none() {
            let examined = self.without_bytes(&listed.key).await;
            self.note(examined)?;
        }
        Ok(())
    }

    fn collect_sidecar(
        &self,
        wanted: &Wanted,
        place: &Path,
        reference: &ListedReference,
        found: &mut Found,
    ) {
        let Some(flags) = SidecarFlags::of_size(reference.size) else {
            return;
        };
        let token = reference.key.token();
        let differs = [
            (flags.shared, &wanted.markers),
            (flags.expires, &wanted.hints),
            (flags.has_user, &wanted.users),
        ];
        let mut differs = differs.iter();
        let differs = differs.any(|(applies, suspects)| *applies && suspects.contains(token));
        if wanted.tokens.contains(token) || (differs && self.is_settled(reference.modified)) {
            let listed = Listed::new(place, reference.size, reference.modified);
            keep(&mut found.lists.collected, listed);
        }
    }
}

/// Returns the name after which the listing continues.
fn place(lease: &Lease<'_>) -> Option<Path> {
    Path::parse(lease.after.as_deref()?).ok()
}

/// Collects what a second listing is to find.
fn collect(keys: &SecondKeys, kind: Kind, wanted: &Wanted, meta: &ObjectMeta, found: &mut Found) {
    let name = &meta.location;
    let is_wanted = match kind {
        Kind::Markers => keys.parse_marker(name).is_some_and(|marker| {
            MarkerState::of_size(meta.size) == MarkerState::Sealed
                && wanted.markers.contains(&marker.token)
        }),
        Kind::Hints => name
            .filename()
            .is_some_and(|token| wanted.hints.contains(token)),
        _ => keys
            .parse_user_entry(name)
            .is_some_and(|entry| wanted.users.contains(entry.token())),
    };
    if is_wanted {
        keep(&mut found.lists.collected, meta.into());
    }
}
