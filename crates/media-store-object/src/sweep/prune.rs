//! Deleting the oldest references until what is left fits.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, RandomState};

use futures_util::stream::StreamExt;
use media_storage::{Scope, StorageError};

use super::{AT_ONCE, Cause, Mode, Sweep};
use crate::inventory::usage_of_all;
use crate::sidecar::{Described, Place};
use crate::walk::{Broken, in_scope};

/// One reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    stored_at: i64,
    /// What it holds: the same for those that share.
    body: u64,
    size: u64,
}

impl Sweep<'_> {
    /// Deletes the oldest until at most so many bytes are held. Reads every sidecar, if listings
    /// alone do not show that everything fits, and again if something has to go.
    pub(super) async fn prune(&mut self, capacity: u64) -> Result<(), StorageError> {
        // What expired references were the last to hold is to count no more.
        self.free().await;
        if usage_of_all(self.shared).await?.stored_bytes <= capacity {
            return Ok(());
        }
        let quota = self.quota(capacity).await?;
        if quota.is_empty() {
            return Ok(());
        }
        self.prune_quota(quota).await
    }

    /// Whether a dry run has counted this as expired already.
    fn is_pretended(&self, described: &Described) -> bool {
        let sidecar = &described.sidecar;
        self.mode == Mode::DryRun && sidecar.is_expired(self.now) && sidecar.stored_at <= self.now
    }

    /// How many references of each time have to go.
    async fn quota(&self, capacity: u64) -> Result<BTreeMap<i64, u64>, StorageError> {
        let hasher = RandomState::new();
        let mut all = Vec::new();
        let mut members = in_scope(&self.bucket, &self.shared.keys, Scope::All);
        while let Some(member) = members.next().await {
            let member = match member {
                Ok(member) if !self.is_pretended(&member.described) => member,
                Err(Broken::Walk(error)) => return Err(error),
                _ => continue,
            };
            let sidecar = &member.described.sidecar;
            all.push(Held {
                stored_at: sidecar.stored_at.timestamp_millis(),
                body: match member.described.place {
                    Place::Own => hasher.hash_one(member.key.unique()),
                    Place::Shared(generation) => hasher.hash_one((sidecar.sha256, generation)),
                },
                size: sidecar.size_bytes,
            });
        }
        all.sort_unstable();
        let mut holders: HashMap<u64, u64> = HashMap::new();
        let mut stored = 0_u64;
        for held in &all {
            let count = holders.entry(held.body).or_default();
            if *count == 0 {
                stored += held.size;
            }
            *count += 1;
        }
        let mut quota: BTreeMap<i64, u64> = BTreeMap::new();
        let mut room = self.room;
        for held in &all {
            if stored <= capacity || room == 0 {
                break;
            }
            room -= 1;
            *quota.entry(held.stored_at).or_default() += 1;
            if let Some(count) = holders.get_mut(&held.body) {
                *count -= 1;
                if *count == 0 {
                    stored -= held.size;
                }
            }
        }
        Ok(quota)
    }

    async fn prune_quota(&mut self, mut quota: BTreeMap<i64, u64>) -> Result<(), StorageError> {
        let mut members = in_scope(&self.bucket, &self.shared.keys, Scope::All);
        let mut due = Vec::new();
        while let Some(member) = members.next().await {
            let member = match member {
                Ok(member) if !self.is_pretended(&member.described) => member,
                Err(Broken::Walk(error)) => return Err(error),
                _ => continue,
            };
            let at = member.described.sidecar.stored_at.timestamp_millis();
            let Some(left) = quota.get_mut(&at).filter(|left| **left > 0) else {
                continue;
            };
            *left -= 1;
            due.push((member.key, member.described));
            if due.len() >= AT_ONCE {
                self.delete(std::mem::take(&mut due), Cause::Pruned).await;
            }
        }
        self.delete(due, Cause::Pruned).await;
        Ok(())
    }
}
