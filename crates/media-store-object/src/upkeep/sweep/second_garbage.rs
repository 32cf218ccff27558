//! Blobs of the second protocol that no reference holds, and generations that were never
//! published.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use media_storage::{StorageError, SweepReport};
use serde::{Deserialize, Serialize};

use super::super::contents::{ContentItem, ContentListing, GenerationListing, Walked, contents};
use super::super::failures::Failures;
use super::state::{CONCURRENCY, Mode, Sweep};
use crate::bucket::{ContentName, SHARDS, SecondKeys};
use crate::protocol::{Nonce, RecordState};
use crate::second::{self, DEAD_SIZE, LIVE_SIZE, SecondContent};

/// Number of shards that are listed at the same time.
pub(super) const SHARDS_AT_ONCE: usize = 8;

/// Maximum number of records in the first shard of a bucket that is listed as a whole: the pages of 16
/// shards would cost more than they save.
const FEW: usize = 250;

/// How the objects of hashes are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Division {
    Whole,
    Shards,
}

/// What was removed of one hash, or would be removed by a dry run.
#[derive(Debug, Default)]
pub(super) struct Removed {
    blobs: u64,
    staging: u64,
    bytes: u64,
    failures: Vec<StorageError>,
}

impl Removed {
    pub(super) fn count(
        self,
        report: &mut SweepReport,
        failures: &mut Failures,
    ) -> Result<(), StorageError> {
        report.blobs += self.blobs;
        report.staging += self.staging;
        report.freed_bytes += self.bytes;
        if self.failures.is_empty() {
            failures.succeeded();
        }
        for failure in self.failures {
            failures.failed(failure)?;
        }
        Ok(())
    }
}

impl Sweep<'_> {
    /// Returns how the objects of hashes are to be listed. Costs a page of a listing.
    pub(super) async fn division(&self, keys: &SecondKeys) -> Result<Division, StorageError> {
        let first = keys.shard("rec", SHARDS[0])?;
        let listed = self.bucket.list(&first, None).take(FEW + 1);
        let found = listed.try_fold(0, |count, _| std::future::ready(Ok(count + 1)));
        Ok(match found.await? {
            0..=FEW => Division::Whole,
            _ => Division::Shards,
        })
    }

    /// Removes the garbage of all hashes. Costs three listings, of the whole bucket or of each shard, and
    /// requests only for hashes that do not look sound in them.
    pub(super) async fn second_garbage(
        &mut self,
        keys: &SecondKeys,
        division: Division,
    ) -> Result<(), StorageError> {
        let mut failures = std::mem::take(&mut self.failures);
        let mut report = self.report;
        {
            let this = &*self;
            let walked: Vec<Walked> = match division {
                Division::Whole => vec![Walked::SecondWithRecords(keys.clone())],
                Division::Shards => SHARDS
                    .iter()
                    .map(|digit| Walked::ShardWithRecords(keys.clone(), digit))
                    .collect(),
            };
            let shards = walked
                .into_iter()
                .map(|walked| contents(&this.bucket, &this.shared.keys, walked, None));
            let shards: Result<Vec<_>, _> = shards.collect();
            let items = stream::iter(shards?).flatten_unordered(SHARDS_AT_ONCE);
            let removed = items
                .map(|item| async move {
                    Ok::<_, StorageError>(match item? {
                        ContentItem::Content(listing) if !is_sound(&listing) => {
                            Some(this.clear_second(keys, &listing).await)
                        }
                        // What was removed before a restart stays removed.
                        ContentItem::Content(_) | ContentItem::Restart => None,
                    })
                })
                .buffer_unordered(CONCURRENCY);
            let mut removed = std::pin::pin!(removed);
            while let Some(item) = removed.next().await {
                let Some(removed) = item? else {
                    continue;
                };
                removed.count(&mut report, &mut failures)?;
            }
        }
        self.report = report;
        self.failures = failures;
        Ok(())
    }

    /// Removes the garbage of a hash.
    pub(super) async fn clear_second(
        &self,
        keys: &SecondKeys,
        listing: &ContentListing,
    ) -> Removed {
        let name = ContentName::of_digest(listing.sha256);
        let content = SecondContent::named(&self.bucket, keys, name);
        let mut removed = Removed::default();
        let record = match content.record().await {
            Ok(read) => read.map(|read| read.record),
            Err(error) => {
                removed.failures.push(error);
                return removed;
            }
        };
        if let Some(record) = &record {
            let named = listing.generations.get(&record.generation);
            let held = named.is_some_and(|objects| objects.markers > 0);
            let has_objects = named.is_some_and(has_objects);
            if match record.state {
                RecordState::Live => !held,
                RecordState::Condemned => true,
                RecordState::Dead => has_objects,
            } {
                let collected = match self.mode {
                    Mode::Remove => second::collect(content.clone()).await,
                    Mode::DryRun => Ok(!held),
                };
                match collected {
                    Ok(true) => {
                        let blob = named.and_then(|objects| objects.blob);
                        removed.blobs += u64::from(blob.is_some());
                        removed.bytes += blob.unwrap_or(0);
                    }
                    Ok(false) => {}
                    Err(error) => removed.failures.push(error),
                }
            }
        }
        let named = record.map(|record| record.generation);
        let orphans: Vec<(Nonce, GenerationListing)> = listing
            .generations
            .iter()
            .filter(|(generation, objects)| {
                Some(**generation) != named
                    && has_objects(objects)
                    && self.is_settled(objects.newest)
            })
            .map(|(generation, objects)| (*generation, *objects))
            .collect();
        if orphans.is_empty() {
            return removed;
        }
        let generations = orphans.iter().map(|(generation, _)| *generation).collect();
        let fenced = match self.mode {
            Mode::Remove => second::fence(content, generations).await,
            Mode::DryRun => Ok(true),
        };
        match fenced {
            Ok(true) => {
                for (_, objects) in orphans {
                    removed.staging += u64::from(objects.blob.is_some());
                    removed.bytes += objects.blob.unwrap_or(0);
                }
            }
            Ok(false) => {}
            Err(error) => removed.failures.push(error),
        }
        removed
    }
}

/// Whether a generation has a blob or markers, and not just tombstones.
fn has_objects(objects: &GenerationListing) -> bool {
    objects.blob.is_some() || objects.markers > 0
}

/// Whether a hash looks as it should: live, with one generation that has markers and a blob, or dead
/// without either. Everything else is looked at.
pub(super) fn is_sound(listing: &ContentListing) -> bool {
    let mut in_use = listing
        .generations
        .values()
        .filter(|objects| has_objects(objects));
    let (first, more) = (in_use.next(), in_use.next().is_some());
    match listing.record {
        Some(LIVE_SIZE) => {
            !more && first.is_some_and(|objects| objects.blob.is_some() && objects.markers > 0)
        }
        Some(DEAD_SIZE) | None => first.is_none(),
        Some(_) => false,
    }
}
