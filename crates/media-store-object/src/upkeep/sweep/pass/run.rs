//! The order of the parts of a shared sweep.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use media_storage::StorageError;

use super::super::second_garbage::SHARDS_AT_ONCE;
use super::super::state::Sweep;
use super::found::{Found, Wanted};
use super::ledger::{Claim, Ledger};
use super::part::{Kind, Part};
use crate::bucket::SecondKeys;

/// What became of a part.
enum Outcome {
    /// It is done.
    Done {
        found: Box<Found>,
        /// Whether this sweep did all of it.
        own: bool,
    },
    /// Another sweep works on it.
    Elsewhere,
    /// It was not begun, since another part failed.
    Skipped,
}

/// What the listings of a round found.
struct Round {
    found: Found,
    /// Whether this sweep made all of them, from the beginning to the end.
    own: bool,
}

impl Round {
    fn new(ledger: &Ledger) -> Self {
        Self {
            found: Found::new(ledger.pass.id),
            own: true,
        }
    }
}

impl Sweep<'_> {
    /// Takes part in a full sweep: does the parts that nobody does, and ends when only parts are left that
    /// others do. The one that finds all listings done ends the sweep.
    pub(in super::super) async fn shared(&mut self, keys: &SecondKeys) -> Result<(), StorageError> {
        let division = self.division(keys).await?;
        let (grace, now) = (self.grace(), self.service_time());
        let ledger = Ledger::join(&self.bucket, keys, grace, now, division).await?;
        let division = ledger.pass.division;
        if let Claim::Held(mut lease) = ledger.claim(Part::EXPIRED).await? {
            let removed = lease.during(async {
                self.expired().await?;
                self.collect().await
            });
            if removed.await?.is_some() {
                lease.finish().await?;
            }
        }
        let mut first = Round::new(&ledger);
        // Removing garbage ends references that were never published, which are compared after it.
        let garbage = Part::garbage(division);
        let mut parts = Part::compared(division);
        parts.extend(self.round(&ledger, keys, garbage, None, &mut first).await?);
        let left = self.round(&ledger, keys, parts, None, &mut first).await?;
        if self.is_unfinished(&left) {
            return Ok(());
        }
        let wanted = self.wanted(keys, &first.found);
        let mut again = Round::new(&ledger);
        if !wanted.is_empty() {
            let (parts, wanted) = (Part::second(division), Some(&wanted));
            let left = self.round(&ledger, keys, parts, wanted, &mut again).await?;
            if self.is_unfinished(&left) {
                return Ok(());
            }
        }
        let collected = again.found.lists.collected;
        let Claim::Held(mut lease) = ledger.claim(Part::FINISH).await? else {
            self.report.unfinished += 1;
            return Ok(());
        };
        let finished = lease.during(async {
            self.finish(keys, &first.found, &wanted, collected).await?;
            let any_first = first.found.lists.first > 0 || self.any_first().await?;
            if any_first {
                self.first().await?;
            }
            // Deletions of a user rely on the note: what other sweeps say is not enough for it.
            let complete = wanted.users.complete && !any_first;
            if self.failures.total() == 0 && (first.own || !complete) {
                self.note_users(keys, complete).await?;
            }
            self.inbox().await
        });
        if finished.await?.is_some() {
            ledger.end().await?;
            self.remove_progress(keys).await?;
        }
        Ok(())
    }

    /// Counts the parts that others do. Returns whether there are any.
    fn is_unfinished(&mut self, left: &[Part]) -> bool {
        self.report.unfinished += left.len() as u64;
        !left.is_empty()
    }

    /// Does the listings that nobody does, several at the same time, and adds what those found that are
    /// done. Returns the parts that others do.
    async fn round(
        &mut self,
        ledger: &Ledger,
        keys: &SecondKeys,
        mut parts: Vec<Part>,
        wanted: Option<&Wanted>,
        round: &mut Round,
    ) -> Result<Vec<Part>, StorageError> {
        // Others may have done their parts in the time that this sweep needed for its own.
        loop {
            let before = parts.len();
            let failed = &AtomicBool::new(false);
            let mut forks = Vec::with_capacity(before);
            for part in parts.drain(..) {
                let mut fork = self.fork();
                let done = async move {
                    let outcome = match failed.load(Ordering::Relaxed) {
                        true => Ok(Outcome::Skipped),
                        false => fork.part(ledger, keys, part, wanted).await,
                    };
                    failed.fetch_or(outcome.is_err(), Ordering::Relaxed);
                    (part, fork, outcome)
                };
                forks.push(done.boxed());
            }
            let mut done = stream::iter(forks).buffer_unordered(SHARDS_AT_ONCE);
            let mut first_error = None;
            while let Some((part, fork, outcome)) = done.next().await {
                self.join(fork);
                match outcome {
                    Ok(Outcome::Done { found, own }) => {
                        round.found.add(*found);
                        round.own &= own;
                    }
                    Ok(Outcome::Elsewhere) => parts.push(part),
                    Ok(Outcome::Skipped) => {}
                    Err(error) => first_error = first_error.or(Some(error)),
                }
            }
            if let Some(error) = first_error {
                return Err(error);
            }
            if parts.is_empty() || parts.len() == before {
                return Ok(parts);
            }
        }
    }

    async fn part(
        &mut self,
        ledger: &Ledger,
        keys: &SecondKeys,
        part: Part,
        wanted: Option<&Wanted>,
    ) -> Result<Outcome, StorageError> {
        let mut lease = match ledger.claim(part).await? {
            Claim::Held(lease) => lease,
            Claim::Done(found) => {
                return Ok(Outcome::Done { found, own: false });
            }
            Claim::Elsewhere => return Ok(Outcome::Elsewhere),
        };
        let held = match part.kind {
            Kind::Garbage => self.garbage_part(keys, part.shard, &mut lease).await,
            Kind::References => self.references_part(wanted, &mut lease).await,
            _ => self.list_part(keys, part, wanted, &mut lease).await,
        };
        let held = match held {
            Ok(held) => held,
            Err(error) => {
                // The error is that of the sweep, whatever becomes of the lease, which ends by itself.
                let _ = lease.release().await;
                return Err(error);
            }
        };
        if !held || !lease.finish().await? {
            return Ok(Outcome::Elsewhere);
        }
        Ok(Outcome::Done {
            own: lease.from_start,
            found: Box::new(lease.found),
        })
    }
}
