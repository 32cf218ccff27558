//! Changes of metadata.

use crate::scenario::{Op, Scenario, Start};
use crate::weak::Weakness;

use Op::{
    Bury, Collect, CreateStore, EraseScope, Heal, LoseSidecar, RemoveTombstones, SweepIndex, Update,
};

/// Updates at the same time as each other, as deletions and as sweeps: none that was acknowledged is lost,
/// and none brings back what was deleted.
pub(crate) fn updates(short: bool) -> Vec<Scenario> {
    let store = |name: &str, ops: &[Op]| Scenario::new(format!("update: {name}")).with(1, ops);
    let mut all = vec![
        store(
            "store, update and delete, another update, tombstones, 1 copy",
            &[CreateStore, Update(1), Bury],
        )
        .with(1, &[Update(2)])
        .with(1, &[RemoveTombstones])
        .names(1)
        .copies(1),
        store(
            "store and update, lost sidecar, another update, heal, 1 lost, 1 late, live",
            &[CreateStore, Update(1), LoseSidecar],
        )
        .with(1, &[Update(2)])
        .with(1, &[Heal])
        .from(Start::Live)
        .names(1)
        .losses(1)
        .late(1),
        store(
            "store and update, another update, scope erased, 1 copy, live",
            &[CreateStore, Update(1)],
        )
        .with(1, &[Update(2)])
        .with(1, &[EraseScope])
        .from(Start::Live)
        .names(1)
        .copies(1),
        index("given away and back, index swept, 1 copy").copies(1),
        index("given away and back, index swept, 1 death of any").deaths_of_any(1),
        everything("store and update, delete", &[CreateStore, Update(1), Bury]),
    ];
    if !short {
        all.push(
            everything(
                "store and update, delete, another update",
                &[CreateStore, Update(1), Bury],
            )
            .with(1, &[Update(2)]),
        );
    }
    all
}

/// Media that goes from one user to the other and back, is put on hold, and whose index is swept.
fn index(name: &str) -> Scenario {
    Scenario::new(format!("update: {name}, live"))
        .with(1, &[CreateStore, Update(1), Update(2)])
        .with(1, &[Update(8)])
        .with(1, &[SweepIndex])
        .from(Start::Live)
        .names(1)
}

/// Beside a collector and a walk of tombstones, where a request is copied and any process dies.
fn everything(name: &str, ops: &[Op]) -> Scenario {
    let name = format!("update: {name}, collector, tombstones, 1 copy, 1 death of any");
    Scenario::new(name)
        .with(1, ops)
        .with(1, &[Collect])
        .with(1, &[RemoveTombstones])
        .names(1)
        .copies(1)
        .deaths_of_any(1)
}

/// Updates with one piece taken out: each must break a rule.
pub(super) fn broken_updates() -> Vec<Scenario> {
    let weak = |weakness: Weakness, ops: &[Op]| {
        Scenario::new(format!("update: {weakness:?}"))
            .with(1, ops)
            .from(Start::Live)
            .names(1)
            .weak(weakness)
    };
    vec![
        weak(Weakness::UpdateOverMarker, &[CreateStore, Bury])
            .with(1, &[Update(1)])
            .with(1, &[RemoveTombstones]),
        weak(Weakness::UpdateOverSidecar, &[CreateStore, Bury]).with(1, &[Update(1)]),
        weak(Weakness::UpdateBelieved, &[CreateStore, Update(1)]).with(1, &[Update(2)]),
        weak(
            Weakness::UpdateWithoutMarker,
            &[CreateStore, Update(1), LoseSidecar],
        )
        .with(1, &[Heal]),
        index("EntryNamedByUser")
            .copies(1)
            .weak(Weakness::EntryNamedByUser),
        index("EntryKeptBehind")
            .deaths_of_any(1)
            .weak(Weakness::EntryKeptBehind),
        index("EntryNotWritten").weak(Weakness::EntryNotWritten),
    ]
}
