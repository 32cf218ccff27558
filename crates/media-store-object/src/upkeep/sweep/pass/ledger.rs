//! The parts of a shared sweep that one sweep takes: a lease with a cursor for each.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use media_storage::StorageError;
use media_types::readable::causes;
use object_store::path::Path;
use tokio::time::Instant;

use super::super::super::progress::read_progress;
use super::found::Found;
use super::identity::Pass;
use super::part::{Kind, Part};
use super::part_object::{MAX_OBJECT, PartObject, PartState};
use crate::bucket::{Bucket, Creation, Replacement, SecondKeys, Version};
use crate::protocol::Nonce;

/// How often a lease is renewed.
pub(super) const RENEWAL: Duration = Duration::from_secs(60);

/// How long a lease is valid that is not renewed, by the clock of the service.
const LEASE: TimeDelta = TimeDelta::minutes(5);

/// How long after its last renewal a lease is given up that cannot be renewed.
const PATIENCE: Duration = Duration::from_secs(240);

/// How long after a write that failed it is repeated.
const PAUSE: Duration = Duration::from_secs(5);

/// Access of one sweep to the objects of the shared sweep that it takes part in.
pub(super) struct Ledger {
    bucket: Bucket,
    keys: SecondKeys,
    pub(super) pass: Pass,
    /// Names this sweep among those that take part.
    holder: Nonce,
    /// The time by the clock of the service when this sweep began, and that of the node.
    begun: (DateTime<Utc>, Instant),
}

/// What became of an attempt to take a part.
pub(super) enum Claim<'l> {
    Held(Box<Lease<'l>>),
    /// The part is done.
    Done(Box<Found>),
    /// Another sweep works on it, or the shared sweep has ended.
    Elsewhere,
}

/// A part that this sweep works on.
pub(super) struct Lease<'l> {
    ledger: &'l Ledger,
    path: Path,
    version: Version,
    /// When the object was written last.
    renewed: Instant,
    /// The name after which the listing continues.
    pub(super) after: Option<String>,
    pub(super) found: Found,
}

impl Ledger {
    /// Creates the ledger of a sweep that takes part at this time by the clock of the service.
    pub(super) fn new(
        bucket: &Bucket,
        keys: &SecondKeys,
        (pass, holder): (Pass, Nonce),
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            bucket: bucket.clone(),
            keys: keys.clone(),
            pass,
            holder,
            begun: (now, Instant::now()),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        let (began, at) = self.begun;
        let elapsed = TimeDelta::from_std(at.elapsed()).unwrap_or(TimeDelta::MAX);
        began.checked_add_signed(elapsed).unwrap_or(began)
    }

    /// Takes a part, unless another sweep works on it, or has done it.
    pub(super) async fn claim(&self, part: Part) -> Result<Claim<'_>, StorageError> {
        if !self.is_under_way().await? {
            return Ok(Claim::Elsewhere);
        }
        let path = self
            .keys
            .sweep(&format!("{}/{}", self.pass.id, part.name()))?;
        let renewed = Instant::now();
        let mut state = self.state();
        let mut found = Found::new(self.pass.id);
        let created = self.bucket.create(&path, state.encode(&found)?).await?;
        let version = match created {
            Creation::Created(version) => {
                // Whoever ends a sweep removes its parts that are there by then.
                if !self.is_under_way().await? {
                    self.bucket.delete(&path).await?;
                    return Ok(Claim::Elsewhere);
                }
                version
            }
            Creation::Exists => {
                let Some((body, there)) = self.read(&path).await? else {
                    return Ok(Claim::Elsewhere);
                };
                if let Some(kept) = PartObject::decode(self.pass.id, &body) {
                    // What the last part does is only done when the sweep has ended.
                    if kept.state.done && part.kind != Kind::Finish {
                        return Ok(Claim::Done(Box::new(kept.found)));
                    }
                    if self.is_held_by_another(&kept) {
                        return Ok(Claim::Elsewhere);
                    }
                    state.after = kept.state.after;
                    found = kept.found;
                }
                let body = state.encode(&found)?;
                match self.bucket.replace(&path, &there, body).await? {
                    Replacement::Done(version) => version,
                    Replacement::Changed => return Ok(Claim::Elsewhere),
                }
            }
        };
        Ok(Claim::Held(Box::new(Lease {
            ledger: self,
            path,
            version,
            renewed,
            after: state.after,
            found,
        })))
    }

    /// Returns the state of a part that this sweep begins or continues now.
    fn state(&self) -> PartState {
        PartState::new(self.pass.id, self.holder, self.now())
    }

    fn is_held_by_another(&self, object: &PartObject) -> bool {
        let age = self.now().signed_duration_since(object.state.renewed_at);
        let is_valid = age < LEASE && age > -LEASE;
        is_valid
            && object
                .state
                .holder
                .is_some_and(|holder| holder != self.holder)
    }

    async fn is_under_way(&self) -> Result<bool, StorageError> {
        self.pass.is_under_way(&self.bucket, &self.keys).await
    }

    async fn read(&self, path: &Path) -> Result<Option<(Bytes, Version)>, StorageError> {
        read_progress(&self.bucket, path, MAX_OBJECT).await
    }

    /// Ends the sweep: nobody takes part any more.
    pub(super) async fn end(&self) -> Result<(), StorageError> {
        self.pass.end(&self.bucket, &self.keys).await
    }
}

impl Lease<'_> {
    /// Writes how far the listing is, and what it has found. Returns whether the lease is still held.
    pub(super) async fn save(&mut self) -> Result<bool, StorageError> {
        let mut state = self.ledger.state();
        state.after.clone_from(&self.after);
        let body = state.encode(&self.found)?;
        self.write(body).await
    }

    /// Renews the lease, without progress. Returns whether it is still held.
    pub(super) async fn renew(&mut self) -> Result<bool, StorageError> {
        let nothing = Found::new(self.ledger.pass.id);
        let body = self.ledger.state().encode(&nothing)?;
        self.write(body).await
    }

    /// Notes that the part is done. Returns whether the lease was held until then.
    pub(super) async fn finish(&mut self) -> Result<bool, StorageError> {
        let mut state = self.ledger.state();
        state.done = true;
        let body = state.encode(&self.found)?;
        self.write(body).await
    }

    /// Lets others continue the part where it was saved last.
    pub(super) async fn release(&mut self) -> Result<(), StorageError> {
        let Some((body, version)) = self.ledger.read(&self.path).await? else {
            return Ok(());
        };
        let object = PartObject::decode(self.ledger.pass.id, &body);
        if let Some(mut object) = object.filter(|object| self.is_own(object)) {
            object.state.holder = None;
            let body = object.state.encode(&object.found)?;
            let bucket = &self.ledger.bucket;
            bucket.replace(&self.path, &version, body).await?;
        }
        Ok(())
    }

    /// Runs work that keeps no progress, and renews the lease as long as it takes. Returns also whether the
    /// lease was held until the end. Work whose lease was lost goes on: another sweep may do the same.
    pub(super) async fn during<T>(
        &mut self,
        work: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<(T, bool), StorageError> {
        let mut held = true;
        let done = {
            let mut work = pin!(work);
            let mut lost = pin!(self.renew_until_lost());
            tokio::select! {
                done = &mut work => done,
                why = &mut lost => {
                    held = false;
                    if let Err(error) = why {
                        tracing::debug!(error = %causes(&error), "the lease of a part of a sweep could not be renewed");
                    }
                    work.await
                }
            }
        };
        match done {
            Ok(done) => Ok((done, held)),
            Err(error) => {
                // The error is that of the work, whatever becomes of the lease, which ends by itself.
                let _ = self.release().await;
                Err(error)
            }
        }
    }

    async fn renew_until_lost(&mut self) -> Result<(), StorageError> {
        loop {
            tokio::time::sleep(RENEWAL).await;
            if !self.renew().await? {
                return Ok(());
            }
        }
    }

    /// Writes the object. Returns whether the lease is still held.
    ///
    /// # Errors
    /// Those of the service, if they last until the lease is nearly over.
    async fn write(&mut self, body: Bytes) -> Result<bool, StorageError> {
        let at = Instant::now();
        loop {
            match self.replace(&body).await {
                Ok(held) => {
                    self.renewed = at;
                    return Ok(held);
                }
                Err(error) if self.renewed.elapsed() + PAUSE > PATIENCE => return Err(error),
                Err(error) => {
                    tracing::debug!(error = %causes(&error), "progress of a sweep could not be kept; it is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Replaces the object as long as this sweep holds the part: its own writes, too, can be applied without
    /// an answer.
    async fn replace(&mut self, body: &Bytes) -> Result<bool, StorageError> {
        let bucket = &self.ledger.bucket;
        loop {
            let replaced = bucket.replace(&self.path, &self.version, body.clone());
            if let Replacement::Done(version) = replaced.await? {
                self.version = version;
                return Ok(true);
            }
            let Some((there, version)) = self.ledger.read(&self.path).await? else {
                return Ok(false);
            };
            if there == *body {
                self.version = version;
                return Ok(true);
            }
            let object = PartObject::decode(self.ledger.pass.id, &there);
            if version == self.version || !object.is_some_and(|object| self.is_own(&object)) {
                return Ok(false);
            }
            self.version = version;
        }
    }

    fn is_own(&self, object: &PartObject) -> bool {
        object.state.holder == Some(self.ledger.holder) && !object.state.done
    }
}
