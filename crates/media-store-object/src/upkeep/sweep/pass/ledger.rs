//! The objects of a shared sweep: which sweep it is, and a lease with a cursor for each part.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use media_storage::{StorageError, StorageErrorKind};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::second_garbage::Division;
use super::super::tally::Tally;
use super::found::{Found, Lists};
use super::part::Part;
use crate::bucket::{Bucket, Creation, SecondKeys, Swap, Version};
use crate::protocol::Nonce;
use crate::sharing::fresh_nonce;

/// How often a lease is renewed.
pub(super) const RENEWAL: Duration = Duration::from_secs(60);

/// How long a lease is valid that is not renewed, by the clock of the service.
const LEASE: TimeDelta = TimeDelta::minutes(5);

/// How long a sweep may be continued that was interrupted.
const MAX_AGE: TimeDelta = TimeDelta::days(7);

/// Maximum size of an object of a sweep, in bytes.
const MAX_OBJECT: u64 = 64 << 20;

/// The description of a sweep that is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pass {
    /// Names the sweep, and is the seed of its checksums.
    pub(super) id: Nonce,
    begun_at: DateTime<Utc>,
    /// Age up to which leftovers stay, in seconds.
    grace: i64,
    pub(super) division: Division,
}

/// The object of a part begins with this in JSON, which ends with a line break. Three tallies follow.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    pass: Nonce,
    /// The sweep that works on the part; `None` if nobody does.
    holder: Option<Nonce>,
    renewed_at: DateTime<Utc>,
    done: bool,
    /// Where the listing is.
    after: Option<String>,
    #[serde(flatten)]
    lists: Lists,
}

fn encode(header: &Header, found: &Found) -> Result<Bytes, StorageError> {
    let mut body = serde_json::to_vec(header).map_err(|error| {
        StorageError::new(StorageErrorKind::Corrupted, media_storage::Operation::Sweep)
            .with_source(error)
    })?;
    body.push(b'\n');
    for tally in [&found.markers, &found.hints, &found.users] {
        tally.encode(&mut body);
    }
    Ok(body.into())
}

/// Reads the object of a part; `None` if it is none of this sweep.
fn decode(pass: Nonce, body: &[u8]) -> Option<(Header, Found)> {
    let end = body.iter().position(|byte| *byte == b'\n')?;
    let (json, mut left) = body.split_at_checked(end + 1)?;
    let mut header: Header = serde_json::from_slice(json).ok()?;
    if header.pass != pass {
        return None;
    }
    let mut tally = || Tally::decode(pass, &mut left);
    let found = Found {
        markers: tally()?,
        hints: tally()?,
        users: tally()?,
        lists: std::mem::take(&mut header.lists),
    };
    Some((header, found))
}

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
    /// Another sweep works on it.
    Elsewhere,
}

/// A part that this sweep works on.
pub(super) struct Lease<'l> {
    ledger: &'l Ledger,
    path: Path,
    version: Version,
    /// Where the listing continues.
    pub(super) after: Option<String>,
    pub(super) found: Found,
    /// Whether nothing of the part was done by another sweep.
    pub(super) from_start: bool,
}

impl Ledger {
    /// Takes part in the sweep that is under way, or begins one of these options.
    pub(super) async fn join(
        bucket: &Bucket,
        keys: &SecondKeys,
        grace: TimeDelta,
        now: DateTime<Utc>,
        division: Division,
    ) -> Result<Self, StorageError> {
        let begun = Pass {
            id: fresh_nonce()?,
            begun_at: now,
            grace: grace.num_seconds(),
            division,
        };
        let ledger = Self {
            bucket: bucket.clone(),
            keys: keys.clone(),
            pass: begun,
            holder: fresh_nonce()?,
            begun: (now, Instant::now()),
        };
        let path = keys.sweep("pass")?;
        let body = serde_json::to_vec(&begun).unwrap_or_default();
        // Of sweeps that begin at once, one succeeds, and the others read what it wrote.
        for _ in 0..2 {
            let read = ledger.read(&path).await?;
            let there = read.as_ref().and_then(|(body, _)| {
                let pass: Pass = serde_json::from_slice(body).ok()?;
                let age = now - pass.begun_at;
                let continued = pass.grace == begun.grace && age < MAX_AGE && age > -MAX_AGE;
                continued.then_some(pass)
            });
            if let Some(pass) = there {
                return Ok(Self { pass, ..ledger });
            }
            let version = read.map(|(_, version)| version);
            let swap = bucket.swap(&path, version.as_ref(), body.clone().into());
            if let Swap::Done(_) = swap.await {
                break;
            }
        }
        Ok(ledger)
    }

    fn now(&self) -> DateTime<Utc> {
        let (began, at) = self.begun;
        let elapsed = TimeDelta::from_std(at.elapsed()).unwrap_or(TimeDelta::MAX);
        began.checked_add_signed(elapsed).unwrap_or(began)
    }

    /// Reads an object of a sweep. One that is too large is removed.
    async fn read(&self, path: &Path) -> Result<Option<(Bytes, Version)>, StorageError> {
        match self.bucket.get(path, MAX_OBJECT).await {
            Err(error) if error.kind() == StorageErrorKind::Corrupted => {
                self.bucket.delete(path).await?;
                Ok(None)
            }
            read => read,
        }
    }

    /// Takes a part, unless another sweep works on it, or has done it.
    pub(super) async fn claim(&self, part: Part) -> Result<Claim<'_>, StorageError> {
        let path = self.keys.sweep(&part.name())?;
        let (mut after, mut found) = (None, Found::new(self.pass.id));
        let body = self.body(None, false, &found)?;
        let mut version = match self.bucket.create(&path, body).await? {
            Creation::Created(version) => Some(version),
            Creation::Exists => None,
        };
        let mut from_start = true;
        if version.is_none() {
            let Some((body, there)) = self.read(&path).await? else {
                return Ok(Claim::Elsewhere);
            };
            if let Some((header, kept)) = decode(self.pass.id, &body) {
                if header.done {
                    return Ok(Claim::Done(Box::new(kept)));
                }
                let age = self.now() - header.renewed_at;
                let is_valid = age < LEASE && age > -LEASE;
                if is_valid && header.holder.is_some_and(|holder| holder != self.holder) {
                    return Ok(Claim::Elsewhere);
                }
                (after, found, from_start) = (header.after, kept, false);
            }
            let body = self.body(after.as_deref(), false, &found)?;
            version = self.write(&path, &there, body).await?;
        }
        Ok(match version {
            None => Claim::Elsewhere,
            Some(version) => Claim::Held(Box::new(Lease {
                ledger: self,
                path,
                version,
                after,
                found,
                from_start,
            })),
        })
    }

    fn body(&self, after: Option<&str>, done: bool, found: &Found) -> Result<Bytes, StorageError> {
        let header = Header {
            pass: self.pass.id,
            holder: Some(self.holder),
            renewed_at: self.now(),
            done,
            after: after.map(str::to_owned),
            lists: found.lists.clone(),
        };
        encode(&header, found)
    }

    /// Replaces the object of a part; `None` if it has another version in the meantime.
    async fn write(
        &self,
        path: &Path,
        expected: &Version,
        body: Bytes,
    ) -> Result<Option<Version>, StorageError> {
        match self.bucket.swap(path, Some(expected), body.clone()).await {
            Swap::Done(version) => Ok(Some(version)),
            Swap::Unclear(_) => {
                let read = self.read(path).await?;
                Ok(read.and_then(|(there, version)| (there == body).then_some(version)))
            }
        }
    }

    /// Ends the sweep: nobody takes part any more.
    pub(super) async fn end(&self) -> Result<(), StorageError> {
        self.bucket.delete(&self.keys.sweep("pass")?).await
    }
}

impl Lease<'_> {
    /// Writes how far the listing is, and what it has found. Returns whether the lease is still held.
    pub(super) async fn save(&mut self) -> Result<bool, StorageError> {
        let body = self
            .ledger
            .body(self.after.as_deref(), false, &self.found)?;
        self.write(body).await
    }

    /// Renews the lease, without progress. Returns whether it is still held.
    pub(super) async fn renew(&mut self) -> Result<bool, StorageError> {
        let nothing = Found::new(self.ledger.pass.id);
        let body = self.ledger.body(None, false, &nothing)?;
        self.write(body).await
    }

    /// Lets others continue the part where it was saved last.
    pub(super) async fn release(&mut self) -> Result<(), StorageError> {
        let Some((body, version)) = self.ledger.read(&self.path).await? else {
            return Ok(());
        };
        if version != self.version {
            return Ok(());
        }
        if let Some((mut header, found)) = decode(self.ledger.pass.id, &body) {
            header.holder = None;
            header.lists = found.lists.clone();
            let body = encode(&header, &found)?;
            self.write(body).await?;
        }
        Ok(())
    }

    /// Notes that the part is done. Returns whether the lease was held until then.
    pub(super) async fn finish(&mut self) -> Result<bool, StorageError> {
        let body = self.ledger.body(None, true, &self.found)?;
        self.write(body).await
    }

    async fn write(&mut self, body: Bytes) -> Result<bool, StorageError> {
        let written = self.ledger.write(&self.path, &self.version, body).await?;
        let Some(version) = written else {
            return Ok(false);
        };
        self.version = version;
        Ok(true)
    }

    /// Runs work that keeps no progress, and renews the lease as long as it takes. Returns `None` if the
    /// lease was lost, and ends the work then.
    pub(super) async fn during<T>(
        &mut self,
        work: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<Option<T>, StorageError> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done.map(Some),
                () = tokio::time::sleep(RENEWAL) => {
                    if !self.renew().await? {
                        return Ok(None);
                    }
                }
            }
        }
    }
}
