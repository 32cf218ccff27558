//! Leases of work that stores media of a user, so that an erasure can wait for what runs.

use std::time::Duration;

use media_types::UserId;

use crate::core::Core;
use crate::error::{LifecycleError, LifecycleErrorKind as Kind};
use crate::hexadecimal::hexadecimal;
use crate::lease::WorkLease;

/// The slots of a user for one kind of work, on all nodes together.
#[derive(Clone, Copy, Debug)]
struct Slots {
    name: &'static str,
    count: usize,
}

/// Slots of nodes that died stay taken until their leases are over; those who upload in the meantime, again and
/// again where nodes die often, find others.
const UPLOADS: Slots = Slots {
    name: "upload",
    count: 32,
};
/// Turns that have not begun. They are many where a service has all of its conversations under one user, and
/// they never wait for uploads, which code of the application may do while a turn begins.
const TURNS: Slots = Slots {
    name: "turn-media",
    count: 64,
};
/// The time until the second look for a free slot. It doubles with each look, since each asks for every slot.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The time between two looks at most.
const MAX_PAUSE: Duration = Duration::from_secs(1);
/// How long a free slot is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Takes one of the slots of a user for uploads, and waits for one where all are taken.
///
/// # Errors
/// `Busy` where none becomes free, `NotFound` where the user is being erased, `State`.
pub(crate) async fn take(core: &Core, user: &UserId) -> Result<WorkLease, LifecycleError> {
    wait_for(core, user, UPLOADS).await
}

/// Takes one of the slots of a user for turns, and waits for one where all are taken.
///
/// # Errors
/// As [`take`].
pub(crate) async fn take_for_turn(core: &Core, user: &UserId) -> Result<WorkLease, LifecycleError> {
    wait_for(core, user, TURNS).await
}

/// Takes one of the slots of a user for uploads.
///
/// # Errors
/// As [`take`], at once.
pub(crate) async fn try_take(core: &Core, user: &UserId) -> Result<WorkLease, LifecycleError> {
    try_take_of(core, user, UPLOADS).await
}

async fn wait_for(core: &Core, user: &UserId, slots: Slots) -> Result<WorkLease, LifecycleError> {
    let mut pause = FIRST_PAUSE;
    let taken = tokio::time::timeout(PATIENCE, async {
        loop {
            match try_take_of(core, user, slots).await {
                Err(error) if error.kind() == Kind::Busy => tokio::time::sleep(pause).await,
                outcome => return outcome,
            }
            pause = (pause * 2).min(MAX_PAUSE);
        }
    });
    taken.await.unwrap_or_else(|_| Err(busy()))
}

async fn try_take_of(
    core: &Core,
    user: &UserId,
    slots: Slots,
) -> Result<WorkLease, LifecycleError> {
    let hash = core.fences.hash(&*core.state, user).await?;
    // Whoever begins elsewhere finds a free one at once.
    let first = usize::from(uuid::Uuid::new_v4().into_bytes()[0]);
    let mut taken = None;
    for at in 0..slots.count {
        let slot = (first + at) % slots.count;
        taken = WorkLease::take(core, name(&hash, slots, slot)).await?;
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
    LifecycleError::new(Kind::Busy).with_detail("the user stores too much at once")
}

/// The failure of an upload of a user who is being erased.
pub(crate) fn erased() -> LifecycleError {
    LifecycleError::new(Kind::NotFound).with_detail("the user is being erased")
}

/// Returns whether no upload of a user is running, and no turn stores media before it begins.
///
/// # Errors
/// Those of the state store.
pub(crate) async fn none_running(core: &Core, user: &UserId) -> Result<bool, LifecycleError> {
    let hash = core.fences.hash(&*core.state, user).await?;
    for slots in [UPLOADS, TURNS] {
        for slot in 0..slots.count {
            match WorkLease::take(core, name(&hash, slots, slot)).await? {
                Some(lease) => lease.release().await,
                None => return Ok(false),
            }
        }
    }
    Ok(true)
}

fn name(hash: &[u8], slots: Slots, slot: usize) -> String {
    format!("{}/{}/{slot}", slots.name, hexadecimal(hash))
}
