//! Fences of users and named leases.

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::error::StateError;
use crate::redis::server::{FENCE, LEASE, RELEASE, Session, script};

/// The longest time that is added to the time of the server, in milliseconds: beyond the calendar, and
/// exact in scripts.
const LONGEST: u64 = 1 << 52;

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).map_or(LONGEST, |duration| duration.clamp(1, LONGEST))
}

/// A user by a hash, and for how long.
pub(super) struct Fencing {
    pub(super) hash: Vec<u8>,
    pub(super) ttl: Duration,
}

pub(super) fn fence<'s>(
    session: &'s Session<'s>,
    input: &'s Fencing,
) -> BoxFuture<'s, Result<(), StateError>> {
    Box::pin(async move {
        let mut command = script(&FENCE, &[session.keys().fence(&input.hash)]);
        command.arg(milliseconds(input.ttl)).arg(session.offset());
        session.one::<String>(command).await.map(drop)
    })
}

/// When the fence of a user ends.
pub(super) fn fenced_until<'s>(
    session: &'s Session<'s>,
    hash: &'s [u8],
) -> BoxFuture<'s, Result<Option<i64>, StateError>> {
    Box::pin(async move {
        let mut command = script(&FENCE, &[session.keys().fence(hash)]);
        command.arg("").arg(session.offset());
        let until: String = session.one(command).await?;
        Ok(until.parse().ok())
    })
}

pub(super) fn lift<'s>(
    session: &'s Session<'s>,
    hash: &'s [u8],
) -> BoxFuture<'s, Result<(), StateError>> {
    Box::pin(async move {
        let mut command = redis::cmd("DEL");
        command.arg(session.keys().fence(hash));
        session.one::<i64>(command).await.map(drop)
    })
}

/// A lease by its name.
pub(super) struct Leasing {
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) ttl: Duration,
}

pub(super) fn acquire<'s>(
    session: &'s Session<'s>,
    input: &'s Leasing,
) -> BoxFuture<'s, Result<bool, StateError>> {
    Box::pin(async move {
        let mut command = script(&LEASE, &[session.keys().lease(&input.name)]);
        command
            .arg(&input.owner)
            .arg(milliseconds(input.ttl))
            .arg(session.offset());
        session.one(command).await
    })
}

pub(super) fn release<'s>(
    session: &'s Session<'s>,
    input: &'s Leasing,
) -> BoxFuture<'s, Result<(), StateError>> {
    Box::pin(async move {
        let mut command = script(&RELEASE, &[session.keys().lease(&input.name)]);
        command.arg(&input.owner);
        session.one::<redis::Value>(command).await.map(drop)
    })
}
