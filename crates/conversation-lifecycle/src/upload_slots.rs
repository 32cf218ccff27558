//! Leases of uploads, so that an erasure can wait for those that run.

use std::time::Duration;

use media_types::UserId;

use crate::core::Core;
use crate::error::{LifecycleError, LifecycleErrorKind as Kind};
use crate::hexadecimal::hexadecimal;
use crate::lease::WorkLease;

/// How many uploads of a user run at once, on all nodes together.
const SLOTS: usize = 8;
/// The time between two looks for a free slot.
const LOOK: Duration = Duration::from_millis(100);
/// How long a free slot is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes one of the slots of a user, and waits for one where all are taken.
///
/// # Errors
/// `Busy` where none becomes free, `NotFound` where the user is being erased, `State`.
pub(crate) async fn take(core: &Core, user: &UserId) -> Result<WorkLease, LifecycleError> {
    let taken = tokio::time::timeout(PATIENCE, async {
        loop {
            match try_take(core, user).await {
                Err(error) if error.kind() == Kind::Busy => tokio::time::sleep(LOOK).await,
                outcome => return outcome,
            }
        }
    });
    taken.await.unwrap_or_else(|_| Err(busy()))
}

/// Takes one of the slots of a user.
///
/// # Errors
/// As [`take`], at once.
pub(crate) async fn try_take(core: &Core, user: &UserId) -> Result<WorkLease, LifecycleError> {
    let hash = core.fences.hash(&*core.state, user).await?;
    let mut taken = None;
    for slot in 0..SLOTS {
        taken = WorkLease::take(core, name(&hash, slot)).await?;
        if taken.is_some() {
            break;
        }
    }
    let lease = taken.ok_or_else(busy)?;
    // After the slot: an erasure fences first and waits for the slots then.
    if core.fences.is_fenced(&*core.state, Some(user)).await? {
        lease.release().await;
        return Err(erased());
    }
    Ok(lease)
}

fn busy() -> LifecycleError {
    LifecycleError::new(Kind::Busy).with_detail("the user has too many uploads")
}

/// The failure of an upload of a user who is being erased.
pub(crate) fn erased() -> LifecycleError {
    LifecycleError::new(Kind::NotFound).with_detail("the user is being erased")
}

/// Returns whether no upload of a user is running.
///
/// # Errors
/// Those of the state store.
pub(crate) async fn none_running(core: &Core, user: &UserId) -> Result<bool, LifecycleError> {
    let hash = core.fences.hash(&*core.state, user).await?;
    for slot in 0..SLOTS {
        match WorkLease::take(core, name(&hash, slot)).await? {
            Some(lease) => lease.release().await,
            None => return Ok(false),
        }
    }
    Ok(true)
}

fn name(hash: &[u8], slot: usize) -> String {
    format!("upload/{}/{slot}", hexadecimal(hash))
}
