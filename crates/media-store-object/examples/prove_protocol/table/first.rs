//! The first protocol.

use crate::scenario::{Op, Scenario, Start};

use Op::{Collect, Delete, Fence, Store};

/// The protocol as it is, in the way the store uses it: a store that lost its generation begins
/// anew under another reference. No state may break a rule. The long form is the short one and more.
pub(crate) fn first(short: bool) -> Vec<Scenario> {
    let mut all = vec![
        Scenario::new("2 writers with deletes, collector x2, all die at each state")
            .with(2, &[Store, Delete])
            .with(1, &[Collect; 2])
            .all_die(),
        Scenario::new("2 writers, collector, fence, all die at each state")
            .with(2, &[Store])
            .with(1, &[Collect])
            .with(1, &[Fence])
            .all_die(),
        Scenario::new("2 writers, collector x2, 1 late, live")
            .with(2, &[Store])
            .with(1, &[Collect; 2])
            .from(Start::Live)
            .late(1),
        Scenario::new("2 writers, collector, 2 late")
            .with(2, &[Store])
            .with(1, &[Collect])
            .late(2),
        Scenario::new("writer with delete, collector x2, fence, 1 lost, 1 late, dead")
            .with(1, &[Store, Delete])
            .with(1, &[Collect; 2])
            .with(1, &[Fence])
            .from(Start::Dead)
            .losses(1)
            .late(1),
        Scenario::new("2 writers, collector x2, 1 copy, live")
            .with(2, &[Store])
            .with(1, &[Collect; 2])
            .from(Start::Live)
            .copies(1),
        Scenario::new("writer with delete, collector, 1 lost, 1 late, 1 copy, live")
            .with(1, &[Store, Delete])
            .with(1, &[Collect])
            .from(Start::Live)
            .losses(1)
            .late(1)
            .copies(1),
        Scenario::new("2 writers that keep their name, collector x2, 1 late, live")
            .with(2, &[Store])
            .with(1, &[Collect; 2])
            .from(Start::Live)
            .late(1)
            .attempts(1),
    ];
    if short {
        return all;
    }
    all.extend([
        Scenario::new("2 writers with deletes, 2 collectors x3")
            .with(2, &[Store, Delete])
            .with(2, &[Collect; 3]),
        Scenario::new("2 writers, 2 collectors x3, live")
            .with(2, &[Store])
            .with(2, &[Collect; 3])
            .from(Start::Live),
        Scenario::new("2 writers of one name, 2 collectors x2, 1 late, live")
            .with(2, &[Store])
            .names(1)
            .with(2, &[Collect; 2])
            .from(Start::Live)
            .late(1),
        Scenario::new("2 writers, 2 collectors x2, 1 late")
            .with(2, &[Store])
            .with(2, &[Collect; 2])
            .late(1),
        Scenario::new("2 writers, collector x4, 1 late, live")
            .with(2, &[Store])
            .with(1, &[Collect; 4])
            .from(Start::Live)
            .late(1),
        Scenario::new("2 writers x2, collector x3")
            .with(2, &[Store, Delete, Store])
            .with(1, &[Collect; 3]),
        Scenario::new("3 writers, collector x3, live")
            .with(3, &[Store])
            .with(1, &[Collect; 3])
            .from(Start::Live),
        Scenario::new("2 writers, collector, fence, 1 late")
            .with(2, &[Store])
            .with(1, &[Collect])
            .with(1, &[Fence])
            .late(1),
        Scenario::new("2 writers, collector, fence, 1 copy")
            .with(2, &[Store])
            .with(1, &[Collect])
            .with(1, &[Fence])
            .copies(1),
        Scenario::new("2 writers, collector x2, 1 lost, 1 late, live")
            .with(2, &[Store])
            .with(1, &[Collect; 2])
            .from(Start::Live)
            .losses(1)
            .late(1),
        Scenario::new("writer, collector, 2 fences, 1 lost, 1 late")
            .with(1, &[Store])
            .with(1, &[Collect])
            .with(2, &[Fence])
            .losses(1)
            .late(1),
    ]);
    all
}
