//! Both protocols on one prefix.

use crate::scenario::{Op, Scenario, Start};

use Op::{
    Bury, Collect, CollectFirst, CreateStore, Delete, DeleteForeign, EraseScope, FenceFirst, Heal,
    RemoveTombstones, Retire, RetireMarkers, Store,
};

/// Processes of both protocols on one prefix. Those of the second also collect what the first stored,
/// by the rules of the first.
pub(crate) fn mixed(short: bool) -> Vec<Scenario> {
    let both = |name: &str, first: &[Op], second: &[Op]| {
        Scenario::new(format!("both: {name}"))
            .with(1, first)
            .with(1, second)
            .names(1)
    };
    let mut all = vec![
        both(
            "a store and delete of each, collector of both, 1 copy",
            &[Store, Delete],
            &[CreateStore, Bury],
        )
        .with(1, &[CollectFirst, Collect])
        .copies(1),
        both(
            "a store of each, scope erased, collector of the first, 1 death, live",
            &[Store],
            &[CreateStore],
        )
        .with(1, &[EraseScope])
        .with(1, &[CollectFirst])
        .from(Start::Live)
        .deaths(1),
        both(
            "a store of each, sidecars and markers retired, healed, 1 late, live",
            &[Store],
            &[CreateStore],
        )
        .with(1, &[Retire, RetireMarkers, Heal])
        .from(Start::Live)
        .late(1),
        both(
            "the first deletes what the second stored, tombstones, 1 copy, live",
            &[Store, Delete],
            &[CreateStore, DeleteForeign, Bury],
        )
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .copies(1),
    ];
    if short {
        return all;
    }
    all.extend([
        both(
            "a store and delete of each, collectors and fence of both, 1 late",
            &[Store, Delete],
            &[CreateStore, Bury],
        )
        .with(1, &[CollectFirst, Collect])
        .with(1, &[FenceFirst])
        .late(1),
        both(
            "2 stores of the first, 1 of the second, collector of the first, scope erased, live",
            &[Store],
            &[CreateStore],
        )
        .with(1, &[Store])
        .with(1, &[CollectFirst])
        .with(1, &[EraseScope])
        .from(Start::Live),
    ]);
    all
}
