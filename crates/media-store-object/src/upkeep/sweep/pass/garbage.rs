//! Blobs that no reference holds, hash by hash.

use futures_util::stream::{StreamExt as _, TryStreamExt as _};
use media_storage::{StorageError, SweepReport};

use super::super::super::contents::{ContentItem, Walked, contents};
use super::super::super::failures::Failures;
use super::super::second_garbage::is_sound;
use super::super::state::{CONCURRENCY, Sweep};
use super::cursor::Cursor;
use super::ledger::Lease;
use crate::bucket::{ContentName, SecondKeys};

impl Sweep<'_> {
    /// Removes the garbage of the hashes of a shard. Returns whether the lease was held until the end.
    pub(super) async fn garbage_part(
        &mut self,
        keys: &SecondKeys,
        shard: Option<&'static str>,
        lease: &mut Lease<'_>,
    ) -> Result<bool, StorageError> {
        let mut failures = std::mem::take(&mut self.failures);
        let mut report = self.report;
        let walked = match shard {
            Some(digit) => Walked::ShardWithRecords(keys.clone(), digit),
            None => Walked::SecondWithRecords(keys.clone()),
        };
        let counts = (&mut report, &mut failures);
        let cleared = self.clear_hashes(keys, walked, lease, counts).await;
        self.report = report;
        self.failures = failures;
        cleared
    }

    async fn clear_hashes(
        &self,
        keys: &SecondKeys,
        walked: Walked,
        lease: &mut Lease<'_>,
        (report, failures): (&mut SweepReport, &mut Failures),
    ) -> Result<bool, StorageError> {
        let after = lease.after.as_deref().and_then(ContentName::parse);
        let items = contents(&self.bucket, &self.shared.keys, walked, after)?;
        let mut removed = items
            .map(|item| async move {
                Ok::<_, StorageError>(match item? {
                    ContentItem::Restart => None,
                    ContentItem::Content(listing) => {
                        let removed = match is_sound(&listing) {
                            true => None,
                            false => Some(self.clear_second(keys, &listing).await),
                        };
                        Some((ContentName::of_digest(listing.sha256), removed))
                    }
                })
            })
            .buffered(CONCURRENCY);
        let mut cursor = Cursor::new(lease);
        loop {
            let Some(item) = cursor.during(removed.try_next()).await? else {
                return Ok(false);
            };
            let (name, removed) = match item {
                None => return Ok(true),
                Some(None) => {
                    cursor.restarted();
                    continue;
                }
                Some(Some(item)) => item,
            };
            if let Some(removed) = removed {
                removed.count(report, failures)?;
            }
            if !cursor.passed(&name.to_string()).await? {
                return Ok(false);
            }
        }
    }
}
