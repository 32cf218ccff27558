//! Blobs that no reference holds, and generations that were never published.

use futures_util::stream::StreamExt;
use media_storage::StorageError;

use super::super::contents::{ContentItem, ContentListing, GenerationListing, Walked, contents};
use super::state::{CONCURRENCY, Mode, Sweep};
use crate::protocol::{Nonce, RecordState};
use crate::sharing::{self, Content};

/// The garbage of one hash.
#[derive(Debug, Default)]
struct Garbage {
    /// The generation that the record names, if no reference holds it.
    unheld: Option<GenerationListing>,
    /// Generations that the record does not name and that are older than the grace.
    orphans: Vec<(Nonce, GenerationListing)>,
}

/// What was removed, or would be removed by a dry run.
#[derive(Debug, Default)]
struct Removed {
    unheld: Option<GenerationListing>,
    orphans: Vec<(Nonce, GenerationListing)>,
    failures: Vec<StorageError>,
}

impl Sweep<'_> {
    /// Removes the garbage of all hashes. Costs two listings and one request for each hash.
    pub(super) async fn garbage(&mut self) -> Result<(), StorageError> {
        let all = contents(&self.bucket, &self.shared.keys, Walked::First, None)?;
        let mut failures = std::mem::take(&mut self.failures);
        let this = &*self;
        let mut removed = all
            .map(|item| async move {
                Ok::<_, StorageError>(match item? {
                    ContentItem::Content(listing) => {
                        let sha256 = listing.sha256;
                        Some((sha256, this.clear(&listing).await))
                    }
                    ContentItem::Restart => None,
                })
            })
            .buffered(CONCURRENCY);
        let (mut report, mut fenced) = (self.report, Vec::new());
        while let Some(item) = removed.next().await {
            let Some((sha256, removed)) = item? else {
                // What was removed stays removed; what a dry run counted is listed again.
                if this.mode == Mode::DryRun {
                    report = this.report;
                    fenced.clear();
                }
                continue;
            };
            if let Some(generation) = removed.unheld
                && let Some(size) = generation.blob
            {
                report.blobs += 1;
                report.freed_bytes += size;
            }
            for (generation, listing) in removed.orphans {
                report.staging += u64::from(listing.blob.is_some());
                report.freed_bytes += listing.blob.unwrap_or(0);
                fenced.push((sha256, generation));
            }
            if removed.failures.is_empty() {
                failures.succeeded();
            }
            for failure in removed.failures {
                failures.failed(failure)?;
            }
        }
        drop(removed);
        self.report = report;
        self.failures = failures;
        if self.mode == Mode::DryRun {
            self.fenced.extend(fenced);
        }
        Ok(())
    }

    async fn clear(&self, listing: &ContentListing) -> Removed {
        let content = Content::new(&self.bucket, &self.shared.keys, listing.sha256);
        let garbage = match self.classify(&content, listing).await {
            Ok(garbage) => garbage,
            Err(error) => {
                return Removed {
                    failures: vec![error],
                    ..Removed::default()
                };
            }
        };
        let mut removed = Removed::default();
        if let Some(unheld) = garbage.unheld {
            let collected = match self.mode {
                Mode::Remove => sharing::collect(content.clone()).await,
                Mode::DryRun => Ok(true),
            };
            match collected {
                Ok(true) => removed.unheld = Some(unheld),
                Ok(false) => {}
                Err(error) => removed.failures.push(error),
            }
        }
        if !garbage.orphans.is_empty() {
            let orphans = garbage.orphans.iter();
            let generations = orphans.map(|(generation, _)| *generation).collect();
            let cleared = match self.mode {
                Mode::Remove => sharing::fence(content, generations).await,
                Mode::DryRun => Ok(true),
            };
            match cleared {
                Ok(true) => removed.orphans = garbage.orphans,
                Ok(false) => {}
                Err(error) => removed.failures.push(error),
            }
        }
        removed
    }

    async fn classify(
        &self,
        content: &Content,
        listing: &ContentListing,
    ) -> Result<Garbage, StorageError> {
        let record = content.record().await?.map(|read| read.record);
        let mut garbage = Garbage::default();
        for (generation, objects) in &listing.generations {
            let named = record.as_ref().filter(|r| r.generation == *generation);
            if let Some(record) = named {
                // The protocol checks again before it removes anything.
                if record.state == RecordState::Dead || objects.markers == 0 {
                    garbage.unheld = Some(*objects);
                }
            } else if self.is_settled(objects.newest) {
                garbage.orphans.push((*generation, *objects));
            }
        }
        Ok(garbage)
    }
}
