//! The order of the parts of a shared sweep.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use media_storage::StorageError;

use super::super::second_garbage::SHARDS_AT_ONCE;
use super::super::state::Sweep;
use super::found::Found;
use super::identity::Pass;
use super::ledger::{Claim, Lease, Ledger};
use super::part::{Kind, Part};
use crate::bucket::SecondKeys;
use crate::sharing::fresh_nonce;

/// What became of a part.
enum Outcome {
    Done(Box<Found>),
    /// Another sweep works on it, or the shared sweep has ended.
    Elsewhere,
    /// It was not begun, since another part failed.
    Skipped,
}

impl Sweep<'_> {
    /// Takes part in a full sweep: does the parts that nobody does, and ends when only parts are left that
    /// others do. The one that finds all listings done ends the sweep.
    ///
    /// Returns whether it took part. It does not if a sweep with another grace is under way.
    pub(in super::super) async fn shared(
        &mut self,
        keys: &SecondKeys,
    ) -> Result<bool, StorageError> {
        let now = self.service_time();
        let begun = Pass {
            id: fresh_nonce()?,
            begun_at: now,
            grace: self.grace().num_seconds(),
            division: self.division(keys).await?,
        };
        let Some(pass) = begun.join_or_begin(&self.bucket, keys).await? else {
            return Ok(false);
        };
        // What is due does not wait for the listings, and is little: each sweep looks itself.
        self.expired().await?;
        self.collect().await?;
        self.inbox().await?;
        let ledger = Ledger::new(&self.bucket, keys, (pass, fresh_nonce()?), now);
        let unfinished = Box::pin(self.parts(&ledger, keys)).await?;
        self.report.unfinished += unfinished;
        Ok(true)
    }

    /// Does all parts that nobody does. Returns the number of those that are left to others.
    async fn parts(&mut self, ledger: &Ledger, keys: &SecondKeys) -> Result<u64, StorageError> {
        let division = ledger.pass.division;
        let mut found = Found::new(ledger.pass.id);
        // Removing garbage ends references that were never published, which are compared after it.
        let garbage = Part::garbage(division);
        let mut parts = Part::compared(division);
        parts.extend(self.round(ledger, keys, garbage, &mut found).await?);
        let left = self.round(ledger, keys, parts, &mut found).await?;
        if !left.is_empty() {
            return Ok(left.len() as u64);
        }
        let Claim::Held(mut lease) = ledger.claim(Part::FINISH).await? else {
            return Ok(1);
        };
        let finish = Box::pin(self.finish(keys, ledger.pass.id, found));
        let ((), held) = lease.during(finish).await?;
        if !held {
            return Ok(1);
        }
        ledger.end().await?;
        Ok(0)
    }

    /// Does the parts that nobody does, several at the same time, and adds what those found that are
    /// done. Returns the parts that others do.
    async fn round(
        &mut self,
        ledger: &Ledger,
        keys: &SecondKeys,
        mut parts: Vec<Part>,
        found: &mut Found,
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
                        false => fork.part(ledger, keys, part).await,
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
                    Ok(Outcome::Done(one)) => found.add(&one),
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
    ) -> Result<Outcome, StorageError> {
        let mut lease = match ledger.claim(part).await? {
            Claim::Held(lease) => lease,
            Claim::Done(found) => return Ok(Outcome::Done(found)),
            Claim::Elsewhere => return Ok(Outcome::Elsewhere),
        };
        match self.listing(keys, part, &mut lease).await {
            Ok(true) => Ok(Outcome::Done(Box::new(lease.found))),
            Ok(false) => Ok(Outcome::Elsewhere),
            Err(error) => {
                // The error is that of the sweep, whatever becomes of the lease, which ends by itself.
                let _ = lease.release().await;
                Err(error)
            }
        }
    }

    /// Does a part that lists. Returns whether the lease was held until it was noted as done.
    async fn listing(
        &mut self,
        keys: &SecondKeys,
        part: Part,
        lease: &mut Lease<'_>,
    ) -> Result<bool, StorageError> {
        let held = match part.kind {
            Kind::Garbage => self.garbage_part(keys, part.shard, lease).await?,
            Kind::References => self.references_part(lease).await?,
            _ => self.list_part(keys, part, lease).await?,
        };
        Ok(held && lease.finish().await?)
    }
}
