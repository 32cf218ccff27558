//! The lease of the process that sweeps the store regularly.
//!
//! An object that its holder writes once a minute. It is courtesy: whoever ignores it, or loses it while it
//! sweeps, does work twice and nothing else. A holder learns that it has lost the lease when it cannot renew it,
//! and that others may take it before they do. No clocks are compared: a process takes a lease over that it
//! has seen unchanged for five minutes by its own clock, which does not go back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media_storage::{Operation, StorageError, StorageErrorKind, SweepLease};
use media_types::readable::causes;
use object_store::path::Path;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::bucket::{Bucket, Creation, Replacement, Version};
use crate::lease_watch::{ABANDONED, LeaseWatch};
use crate::shared::Shared;
use crate::sharing::fresh_nonce;

/// How often a lease is renewed.
const RENEWAL: Duration = Duration::from_secs(60);

/// Maximum length of the object, in bytes.
const MAX_LEN: u64 = 1024;

/// Takes the lease, unless another process holds it. Without conditional writes, and without the right to
/// write, everyone has it.
pub(crate) async fn sweep_lease(shared: &Arc<Shared>) -> Result<Option<SweepLease>, StorageError> {
    let everyones = || Ok(Some(SweepLease::new(())));
    let second = shared.keys.second().filter(|second| second.tombstones);
    let Some(second) = second.filter(|_| !shared.options.read_only) else {
        return everyones();
    };
    let bucket = shared.bucket(Operation::Sweep);
    let path = second.sweep_lease()?;
    let holder = fresh_nonce()?.to_string();
    match take(&bucket, &path, &shared.lease, &holder).await {
        Ok(None) => Ok(None),
        Ok(Some(version)) => {
            let (guard, released) = oneshot::channel::<()>();
            let (losing, lost) = oneshot::channel::<()>();
            drop(tokio::spawn(async move {
                if hold(bucket, path, holder, version, released).await == Ending::Lost {
                    let _ = losing.send(());
                }
            }));
            let lost = async move {
                if lost.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            Ok(Some(SweepLease::new(guard).with_lost(lost)))
        }
        Err(error) if error.kind() == StorageErrorKind::Permission => everyones(),
        Err(error) => Err(error),
    }
}

/// Returns the version of the lease if it is this process's now.
async fn take(
    bucket: &Bucket,
    path: &Path,
    watch: &LeaseWatch,
    holder: &str,
) -> Result<Option<Version>, StorageError> {
    if let Creation::Created(version) = bucket.create(path, held(holder)?).await? {
        return Ok(Some(version));
    }
    let Some((there, version)) = bucket.get(path, MAX_LEN).await? else {
        return Ok(None);
    };
    if !there.is_empty() && !watch.is_abandoned(&version) {
        return Ok(None);
    }
    Ok(match bucket.replace(path, &version, held(holder)?).await? {
        Replacement::Done(version) => Some(version),
        Replacement::Changed => None,
    })
}

/// Returns the content of a lease that is held. It begins with the number of the holder. No two are alike, so
/// that each renewal is another version.
fn held(holder: &str) -> Result<Bytes, StorageError> {
    Ok(Bytes::from(format!("{holder}-{}", fresh_nonce()?)))
}

/// How holding a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Released,
    /// Another process has it, or may take it before it is renewed.
    Lost,
}

/// Renews the lease until it is released or lost.
async fn hold(
    bucket: Bucket,
    path: Path,
    holder: String,
    mut version: Version,
    mut released: oneshot::Receiver<()>,
) -> Ending {
    let mut renewed_at = Instant::now();
    loop {
        let (begun, renewed) = tokio::select! {
            _ = &mut released => {
                if let Err(error) = bucket.replace(&path, &version, Bytes::new()).await {
                    tracing::debug!(error = %causes(&error), "the lease of the sweeper ends by itself");
                }
                return Ending::Released;
            }
            () = tokio::time::sleep(RENEWAL) => {
                (Instant::now(), renew(&bucket, &path, &version, &holder).await)
            }
        };
        match renewed {
            Ok(Replacement::Done(renewed)) => (version, renewed_at) = (renewed, begun),
            Ok(Replacement::Changed) => {
                tracing::debug!("another process has taken the lease of the sweeper");
                return Ending::Lost;
            }
            Err(error) => {
                tracing::debug!(error = %causes(&error), "the lease of the sweeper was not renewed")
            }
        }
        if renewed_at.elapsed() + RENEWAL >= ABANDONED {
            return Ending::Lost;
        }
    }
}

/// Renews the lease. One that was changed by a renewal whose answer was lost is still held.
async fn renew(
    bucket: &Bucket,
    path: &Path,
    version: &Version,
    holder: &str,
) -> Result<Replacement, StorageError> {
    let renewed = bucket.replace(path, version, held(holder)?).await?;
    if renewed == Replacement::Changed
        && let Some((there, version)) = bucket.get(path, MAX_LEN).await?
        && there.starts_with(holder.as_bytes())
    {
        return Ok(Replacement::Done(version));
    }
    Ok(renewed)
}
