//! Shared bytes that nothing holds, and generations that never came into use.

use futures_util::stream::StreamExt;
use media_storage::StorageError;

use super::{AT_ONCE, Mode, Sweep};
use crate::dedup::{self, Hash};
use crate::hashes::{Generation, HashObjects, Walked, hashes};
use crate::protocol::{RecordState, Token};

/// What is wrong with one hash.
#[derive(Debug, Default)]
struct Garbage {
    /// The generation in use is not used any more.
    unheld: Option<Generation>,
    /// Generations that the record does not name and whose writers are gone.
    orphans: Vec<(Token, Generation)>,
}

/// What was removed, or would be.
#[derive(Debug, Default)]
struct Removed {
    unheld: Option<Generation>,
    orphans: Vec<(Token, Generation)>,
    failures: Vec<StorageError>,
}

impl Sweep<'_> {
    /// Removes the garbage of all hashes. Costs two listings and one request for each hash.
    pub(super) async fn garbage(&mut self) -> Result<(), StorageError> {
        let all = hashes(&self.bucket, &self.shared.keys)?;
        let this = &*self;
        let mut removed = all
            .map(|walked| async move {
                Ok::<_, StorageError>(match walked? {
                    Walked::Hash(objects) => {
                        let sha256 = objects.sha256;
                        Some((sha256, this.clear(&objects).await))
                    }
                    Walked::Restart => None,
                })
            })
            .buffered(AT_ONCE);
        let (mut report, mut fenced, mut failures) = (self.report, Vec::new(), Vec::new());
        while let Some(item) = removed.next().await {
            let Some((sha256, removed)) = item? else {
                // What was removed stays removed; what would have been is met again.
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
            for (token, generation) in removed.orphans {
                report.staging += u64::from(generation.blob.is_some());
                report.freed_bytes += generation.blob.unwrap_or(0);
                fenced.push((sha256, token));
            }
            failures.extend(removed.failures);
        }
        drop(removed);
        self.report = report;
        if self.mode == Mode::DryRun {
            self.fenced.extend(fenced);
        }
        for failure in failures {
            self.failed(&failure);
        }
        Ok(())
    }

    async fn clear(&self, objects: &HashObjects) -> Removed {
        let hash = Hash::new(&self.bucket, &self.shared.keys, objects.sha256);
        let garbage = match self.judge(&hash, objects).await {
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
                Mode::Remove => dedup::collect(hash.clone()).await,
                Mode::DryRun => Ok(true),
            };
            match collected {
                Ok(true) => removed.unheld = Some(unheld),
                Ok(false) => {}
                Err(error) => removed.failures.push(error),
            }
        }
        if !garbage.orphans.is_empty() {
            let tokens = garbage.orphans.iter().map(|(token, _)| *token).collect();
            let cleared = match self.mode {
                Mode::Remove => dedup::fence(hash, tokens).await,
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

    async fn judge(&self, hash: &Hash, objects: &HashObjects) -> Result<Garbage, StorageError> {
        let record = hash.record().await?.map(|read| read.record);
        let mut garbage = Garbage::default();
        for (token, generation) in &objects.generations {
            let named = record.as_ref().filter(|r| r.generation == *token);
            if let Some(record) = named {
                // The protocol looks again before it removes anything.
                if record.state == RecordState::Dead || generation.markers == 0 {
                    garbage.unheld = Some(*generation);
                }
            } else if self.is_settled(generation.newest) {
                garbage.orphans.push((*token, *generation));
            }
        }
        Ok(garbage)
    }
}
