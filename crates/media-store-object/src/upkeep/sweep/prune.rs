//! Deleting the oldest references until the rest fits a capacity.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};

use futures_util::stream::StreamExt;
use media_storage::{Scope, StorageError};

use super::super::scoped::{Members, ScopedReference, WalkError, in_scope};
use super::super::usage::usage_of_all;
use super::state::{CONCURRENCY, Cause, Mode, Sweep};
use crate::reference::sidecar::{ByteLocation, Descriptor};

/// Age and bytes of one reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    stored_at: i64,
    /// Identifies the bytes; equal for references that share them.
    blob: u64,
    size: u64,
    /// Whether it is on hold, so that it stays.
    on_hold: bool,
}

impl Sweep<'_> {
    /// Deletes the oldest references until at most `capacity` bytes are stored. Unless listings show
    /// that everything fits, this reads every sidecar, and again if something must be deleted.
    pub(super) async fn prune(&mut self, capacity: u64) -> Result<(), StorageError> {
        // Bytes that only expired references held must not count.
        self.collect().await?;
        if usage_of_all(self.shared).await?.stored_bytes <= capacity {
            return Ok(());
        }
        let quota = self.quota(capacity).await?;
        if quota.is_empty() {
            return Ok(());
        }
        self.prune_quota(quota).await
    }

    /// Whether a dry run has counted this reference as expired already.
    fn is_simulated(&self, descriptor: &Descriptor) -> bool {
        let sidecar = &descriptor.sidecar;
        self.mode == Mode::DryRun && sidecar.is_expired(self.now) && sidecar.stored_at <= self.now
    }

    /// Returns the member of a walk, unless it is damaged or a dry run has counted it already.
    fn candidate(
        &self,
        member: Result<ScopedReference, WalkError>,
    ) -> Result<Option<ScopedReference>, StorageError> {
        match member {
            Ok(member) if !self.is_simulated(&member.descriptor) => Ok(Some(member)),
            Err(WalkError::Listing(error)) => Err(error),
            Ok(_) | Err(WalkError::Reference(..)) => Ok(None),
        }
    }

    /// Returns how many references of each time must be deleted.
    async fn quota(&mut self, capacity: u64) -> Result<BTreeMap<i64, u64>, StorageError> {
        let hasher = RandomState::new();
        let mut all = Vec::new();
        let mut members = in_scope(
            &self.bucket,
            &self.shared.keys,
            Scope::All,
            Members::Existing,
        );
        while let Some(member) = members.next().await {
            let Some(member) = self.candidate(member)? else {
                continue;
            };
            let sidecar = &member.descriptor.sidecar;
            all.push(Held {
                stored_at: sidecar.stored_at.timestamp_millis(),
                blob: match member.descriptor.location {
                    ByteLocation::Own => hasher.hash_one(member.key.token()),
                    ByteLocation::Shared(generation) => {
                        hasher.hash_one((sidecar.sha256, generation))
                    }
                },
                size: sidecar.size_bytes,
                on_hold: sidecar.hold,
            });
        }
        all.sort_unstable();
        let mut holders: HashMap<u64, u64> = HashMap::new();
        let mut stored = 0_u64;
        for held in &all {
            let count = holders.entry(held.blob).or_default();
            if *count == 0 {
                stored += held.size;
            }
            *count += 1;
        }
        let mut quota: BTreeMap<i64, u64> = BTreeMap::new();
        let mut deletes_left = self.deletes_left;
        for held in &all {
            if stored <= capacity || deletes_left == 0 {
                break;
            }
            if held.on_hold {
                self.report.held += 1;
                continue;
            }
            deletes_left -= 1;
            *quota.entry(held.stored_at).or_default() += 1;
            if let Some(count) = holders.get_mut(&held.blob) {
                *count -= 1;
                if *count == 0 {
                    stored -= held.size;
                }
            }
        }
        Ok(quota)
    }

    async fn prune_quota(&mut self, mut quota: BTreeMap<i64, u64>) -> Result<(), StorageError> {
        let mut members = in_scope(
            &self.bucket,
            &self.shared.keys,
            Scope::All,
            Members::Existing,
        );
        let mut due = Vec::new();
        while let Some(member) = members.next().await {
            let Some(member) = self.candidate(member)? else {
                continue;
            };
            let sidecar = &member.descriptor.sidecar;
            if sidecar.hold {
                continue;
            }
            let at = sidecar.stored_at.timestamp_millis();
            let Some(left) = quota.get_mut(&at).filter(|left| **left > 0) else {
                continue;
            };
            *left -= 1;
            due.push((member.key, member.descriptor));
            if due.len() >= CONCURRENCY {
                self.delete(std::mem::take(&mut due), Cause::Pruned).await?;
            }
        }
        self.delete(due, Cause::Pruned).await
    }
}
