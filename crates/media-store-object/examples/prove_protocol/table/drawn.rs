//! What is drawn by lot.

use crate::scenario::{Op, Scenario, Start};

use Op::{
    Bury, BuryImported, Collect, CollectFirst, CreateStore, Delete, EraseScope, Fence, FenceFirst,
    Heal, Import, RemoveTombstones, Retire, RetireMarkers, Store, Update,
};

/// Too much to look at all.
pub(crate) fn drawn() -> Vec<Scenario> {
    let writer = [Store, Delete, Store];
    vec![
        Scenario::new("4 writers x2, 3 collectors x4, 2 fences x2, 3 lost, 3 late, 3 copies")
            .with(4, &writer)
            .with(3, &[Collect; 4])
            .with(2, &[Fence; 2])
            .losses(3)
            .late(3)
            .copies(3),
        Scenario::new("5 writers of 3 names, 3 collectors x4, fence x2, 3 late, 3 copies, live")
            .with(5, &[Store])
            .with(3, &[Collect; 4])
            .with(1, &[Fence; 2])
            .from(Start::Live)
            .names(3)
            .late(3)
            .copies(3),
        Scenario::new(
            "second: 3 stores and deletes, updates, all walks, 3 lost, 3 late, 3 copies, 2 deaths",
        )
        .with(3, &[CreateStore, Bury, CreateStore])
        .with(1, &[Update(1), Update(2)])
        .with(2, &[Collect; 3])
        .with(1, &[Fence, Fence])
        .with(1, &[EraseScope, EraseScope])
        .with(1, &[Retire, RetireMarkers, Heal, Retire])
        .with(2, &[RemoveTombstones, RemoveTombstones])
        .losses(3)
        .late(3)
        .copies(3)
        .deaths(2),
        Scenario::new(
            "both: 2 stores and deletes of each, collectors and fence of both, all walks, 2 lost, 3 late, \
             3 copies",
        )
        .with(2, &writer)
        .with(2, &[CreateStore, Bury, CreateStore])
        .with(2, &[CollectFirst, Collect, CollectFirst, Collect])
        .with(1, &[FenceFirst, Fence])
        .with(1, &[EraseScope])
        .with(1, &[Retire, RetireMarkers, Heal, RemoveTombstones])
        .names(1)
        .losses(2)
        .late(3)
        .copies(3),
        Scenario::new(
            "second: 4 stores, updates, collectors x4, scope erased, walks, 3 late, 3 copies, live",
        )
        .with(4, &[CreateStore, Bury])
        .with(1, &[Update(1), Update(8)])
        .with(1, &[Update(2), Update(4)])
        .with(2, &[Collect; 4])
        .with(1, &[EraseScope, EraseScope])
        .with(1, &[Heal, RetireMarkers, Retire, RemoveTombstones])
        .from(Start::Live)
        .late(3)
        .copies(3)
        .deaths_of_any(2),
        Scenario::new("imports: 4, a store, deleted, all walks, 2 lost, 3 late, 3 copies, 2 deaths, live")
            .with(2, &[Import; 2])
            .with(1, &[CreateStore, BuryImported])
            .with(2, &[Collect; 2])
            .with(1, &[Fence])
            .with(2, &[Retire, RetireMarkers, Heal, Retire])
            .with(2, &[RemoveTombstones, RemoveTombstones])
            .from(Start::Live)
            .names(1)
            .losses(2)
            .late(3)
            .copies(3)
            .deaths(2),
        Scenario::new("imports: 6 in turns, scope erased, walks, 3 lost, 3 late, 2 copies, 1 death")
            .with(3, &[Import; 2])
            .with(1, &[EraseScope])
            .with(1, &[Collect, Collect, Fence])
            .with(1, &[Retire, RetireMarkers, Retire])
            .with(1, &[RemoveTombstones, RemoveTombstones])
            .names(1)
            .losses(3)
            .late(3)
            .copies(2)
            .deaths(1),
    ]
}
