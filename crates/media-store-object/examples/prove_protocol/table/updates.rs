//! Changes of metadata.

use crate::scenario::{Op, Scenario, Start};
use crate::weak::Weakness;

use Op::{Bury, CreateStore, EraseScope, Heal, LoseSidecar, RemoveTombstones, Update};

/// Updates at the same time as each other, as deletions and as sweeps: none that was acknowledged is lost,
/// and none brings back what was deleted.
pub(crate) fn updates() -> Vec<Scenario> {
    let store = |name: &str, ops: &[Op]| Scenario::new(format!("update: {name}")).with(1, ops);
    vec![
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
            "store and update, 2 other updates, scope erased, 1 copy, live",
            &[CreateStore, Update(1)],
        )
        .with(1, &[Update(2)])
        .with(1, &[Update(4)])
        .with(1, &[EraseScope])
        .from(Start::Live)
        .names(1)
        .copies(1),
    ]
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
    ]
}
