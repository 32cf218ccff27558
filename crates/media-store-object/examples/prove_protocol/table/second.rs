//! The second protocol.

use crate::scenario::{Op, Scenario, Start};

use Op::{
    Bury, Collect, CreateRemembered, CreateStore, EraseScope, Fence, Heal, LoseSidecar,
    RemoveTombstones, Retire, RetireMarkers,
};

/// The second protocol: what was deleted stays deleted. Each write may be acknowledged and land
/// again at any later time.
pub(crate) fn second(short: bool) -> Vec<Scenario> {
    let store = |name: &str, ops: &[Op]| Scenario::new(format!("second: {name}")).with(1, ops);
    let mut all = vec![
        store(
            "store and delete, collector, tombstones, 2 copies, live",
            &[CreateStore, Bury],
        )
        .with(1, &[Collect])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .copies(2),
        store(
            "store and delete, collector, fence, tombstones, 1 copy",
            &[CreateStore, Bury],
        )
        .with(1, &[Collect])
        .with(1, &[Fence])
        .with(1, &[RemoveTombstones])
        .names(1)
        .copies(1),
        store(
            "2 stores and deletes, collector, 1 copy",
            &[CreateStore, Bury],
        )
        .with(1, &[CreateStore, Bury])
        .with(1, &[Collect])
        .names(1)
        .copies(1),
        store(
            "store dies, scope erased, tombstones, 1 copy, 1 late, live",
            &[CreateStore],
        )
        .with(1, &[EraseScope])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .deaths(1)
        .late(1)
        .copies(1),
        store(
            "store, scope erased, heal, tombstones, 1 late, live",
            &[CreateStore],
        )
        .with(1, &[EraseScope])
        .with(1, &[Heal])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .names(1)
        .late(1),
        store(
            "store, retire, collector, heal, 1 late, live",
            &[CreateStore],
        )
        .with(1, &[Retire])
        .with(1, &[Collect])
        .with(1, &[Heal])
        .from(Start::Live)
        .late(1),
        store(
            "store dies, provisional markers retired, scope erased, tombstones, 1 late, live",
            &[CreateStore],
        )
        .with(1, &[RetireMarkers])
        .with(1, &[EraseScope])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .names(1)
        .deaths(1)
        .late(1),
        store(
            "store, provisional markers retired, collector, tombstones, 2 copies, live",
            &[CreateStore],
        )
        .with(1, &[RetireMarkers])
        .with(1, &[Collect])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .names(1)
        .copies(2),
        store(
            "remembered, provisional markers retired, collector, retire, 1 lost, 1 late, live",
            &[CreateRemembered],
        )
        .with(1, &[RetireMarkers])
        .with(1, &[Collect])
        .with(1, &[Retire])
        .from(Start::Live)
        .names(1)
        .losses(1)
        .late(1),
        store(
            "lost sidecar, delete, heal, tombstones, 1 copy",
            &[CreateStore, LoseSidecar, Bury],
        )
        .with(1, &[Heal])
        .with(1, &[RemoveTombstones])
        .names(1)
        .copies(1),
        store(
            "store, scope erased, tombstones, heal, 2 lost, live",
            &[CreateStore],
        )
        .with(1, &[EraseScope])
        .with(1, &[RemoveTombstones])
        .with(1, &[Heal])
        .from(Start::Live)
        .losses(2),
        store(
            "store, retire, tombstones, heal, 1 late, 1 copy, live",
            &[CreateStore],
        )
        .with(1, &[Retire])
        .with(1, &[RemoveTombstones])
        .with(1, &[Heal])
        .from(Start::Live)
        .names(1)
        .late(1)
        .copies(1),
        store(
            "store and delete twice, 2 lost, 1 late, tombstones",
            &[CreateStore, Bury, Bury],
        )
        .with(1, &[RemoveTombstones])
        .names(1)
        .losses(2)
        .late(1),
        store(
            "store under a remembered generation, collector, tombstones, 1 copy, live",
            &[CreateRemembered, Bury],
        )
        .with(1, &[Collect])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .copies(1),
        store(
            "store under a remembered generation, 1 lost, 1 late, dead",
            &[CreateRemembered, Bury],
        )
        .with(1, &[Collect])
        .from(Start::Dead)
        .losses(1)
        .late(1),
        store(
            "remembered, scope erased, heal, retire, 1 death, 1 late, live",
            &[CreateRemembered],
        )
        .with(1, &[EraseScope])
        .with(1, &[Heal])
        .with(1, &[Retire])
        .from(Start::Live)
        .names(1)
        .deaths(1)
        .late(1),
    ];
    if short {
        return all;
    }
    all.extend([
        store(
            "store and delete, scope erased, collector, tombstones, 1 death, 1 late, 1 copy, live",
            &[CreateStore, Bury],
        )
        .with(1, &[EraseScope])
        .with(1, &[Collect])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .names(1)
        .deaths(1)
        .late(1)
        .copies(1),
        store(
            "2 stores, collector x2, retire, 1 late, live",
            &[CreateStore],
        )
        .with(1, &[CreateStore])
        .with(1, &[Collect; 2])
        .with(1, &[Retire])
        .from(Start::Live)
        .names(1)
        .late(1),
        store(
            "store and delete, collector x2, fence, tombstones, 1 lost, 1 late, 1 copy, dead",
            &[CreateStore, Bury],
        )
        .with(1, &[Collect; 2])
        .with(1, &[Fence])
        .with(1, &[RemoveTombstones])
        .from(Start::Dead)
        .names(1)
        .losses(1)
        .late(1)
        .copies(1),
        store(
            "store and delete, 2 walks of tombstones, heal, retire, 1 copy, live",
            &[CreateStore, Bury],
        )
        .with(2, &[RemoveTombstones])
        .with(1, &[Heal])
        .with(1, &[Retire])
        .from(Start::Live)
        .names(1)
        .copies(1),
    ]);
    all
}
