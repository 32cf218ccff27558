//! The listings that are compared with each other.

use futures_util::stream::TryStreamExt as _;
use media_storage::StorageError;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::super::super::walk::{ListedReference, WalkItem, WalkStep, walk_steps};
use super::super::state::Sweep;
use super::cursor::Cursor;
use super::found::Found;
use super::ledger::Lease;
use super::part::{Kind, Part};
use crate::bucket::{MarkerState, SecondKeys};
use crate::reference::flags::SidecarFlags;

impl Sweep<'_> {
    /// Lists markers, hints or the index of users. Returns whether the lease was held until the end.
    pub(super) async fn list_part(
        &mut self,
        keys: &SecondKeys,
        part: Part,
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
        let mut listed = self.bucket.list(&prefix, resume_after(lease).as_ref());
        let mut cursor = Cursor::new(lease);
        loop {
            let meta = match cursor.during(listed.try_next()).await? {
                Some(Some(meta)) => meta,
                Some(None) => return Ok(true),
                None => return Ok(false),
            };
            let found = &mut cursor.lease.found;
            self.compare(keys, part.kind, &meta, found).await?;
            if !cursor.passed(meta.location.as_ref()).await? {
                return Ok(false);
            }
        }
    }

    async fn compare(
        &mut self,
        keys: &SecondKeys,
        kind: Kind,
        meta: &ObjectMeta,
        found: &mut Found,
    ) -> Result<(), StorageError> {
        if !self.is_settled(meta.last_modified) {
            return Ok(());
        }
        match kind {
            Kind::Markers => {
                let Some(marker) = keys.parse_marker(&meta.location) else {
                    return Ok(());
                };
                match MarkerState::of_size(meta.size) {
                    MarkerState::Sealed => found.markers.add_belonging(&marker.token),
                    MarkerState::Provisional => {
                        let retired = self.provisional(keys, &marker).await;
                        self.note(retired)?;
                    }
                    MarkerState::Tombstone => {}
                }
            }
            Kind::Hints => {
                if let Some(token) = SecondKeys::token_of_hint(&meta.location) {
                    found.hints.add_belonging(token);
                }
            }
            _ => {
                if let Some(entry) = keys.parse_user_entry(&meta.location) {
                    found.users.add_belonging(entry.token());
                }
            }
        }
        Ok(())
    }

    /// Lists sidecars and media that is not shared, and removes leftovers. Returns whether the lease was
    /// held until the end.
    pub(super) async fn references_part(
        &mut self,
        lease: &mut Lease<'_>,
    ) -> Result<bool, StorageError> {
        let keys = &self.shared.keys;
        let after = resume_after(lease);
        let mut steps = walk_steps(&self.bucket, keys, keys.prefix(), after.as_ref());
        let mut cursor = Cursor::new(lease);
        loop {
            let step = match cursor.during(steps.try_next()).await? {
                Some(Some(step)) => step,
                Some(None) => return Ok(true),
                None => return Ok(false),
            };
            match step {
                WalkStep::Item(WalkItem::MediaOnly(own)) => self.media_only(own).await?,
                WalkStep::Item(WalkItem::Reference(listed)) => {
                    let found = &mut cursor.lease.found;
                    self.compare_sidecar(&listed, found).await?;
                }
                // Sweeps that are not shared remove old ones.
                WalkStep::Item(WalkItem::Tombstone(_)) => {}
                WalkStep::Passed(name) => {
                    if !cursor.passed(name.as_ref()).await? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    async fn compare_sidecar(
        &mut self,
        listed: &ListedReference,
        found: &mut Found,
    ) -> Result<(), StorageError> {
        let Some(flags) = SidecarFlags::of_size(listed.size) else {
            found.first = found.first.saturating_add(1);
            return Ok(());
        };
        if !self.is_settled(listed.modified) {
            return Ok(());
        }
        let token = listed.key.token();
        if flags.expires {
            found.hints.add_described(token);
        }
        if flags.has_user {
            found.users.add_described(token);
        }
        if flags.shared {
            found.markers.add_described(token);
        } else if listed.own.is_none() {
            let examined = self.without_bytes(&listed.key).await;
            self.note(examined)?;
        }
        Ok(())
    }
}

/// Returns the name after which the listing continues.
fn resume_after(lease: &Lease<'_>) -> Option<Path> {
    Path::parse(lease.after.as_deref()?).ok()
}
