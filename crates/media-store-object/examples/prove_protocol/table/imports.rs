//! Imports of one id, cut and repeated.

use crate::scenario::{Op, Scenario, Start};
use crate::weak::Weakness;

use Op::{
    Bury, BuryImported, Collect, CreateStore, EraseScope, Fence, Heal, Import, RemoveAgain,
    RemoveTombstones, Retire, RetireMarkers,
};

/// Imports of one id by the second protocol, cut and repeated. At the end of every run, an import that
/// nothing disturbs must complete, unless a deletion began.
pub(crate) fn imports(short: bool) -> Vec<Scenario> {
    let import = |name: &str, ops: &[Op]| {
        Scenario::new(format!("imports: {name}"))
            .with(1, ops)
            .names(1)
    };
    let mut all = vec![
        import("3 in turn, 1 lost, 1 late", &[Import; 3])
            .losses(1)
            .late(1),
        import("2 in turn, collector, fence, 1 late", &[Import; 2])
            .with(1, &[Collect])
            .with(1, &[Fence])
            .late(1),
        import("2 at once, 1 death, 1 late, live", &[Import])
            .with(1, &[Import])
            .from(Start::Live)
            .deaths(1)
            .late(1),
        import("2 at once, 1 copy", &[Import])
            .with(1, &[Import])
            .copies(1),
        import(
            "2 in turn, retire, 1 lost, 1 late, 1 copy, live",
            &[Import; 2],
        )
        .with(1, &[Retire])
        .from(Start::Live)
        .losses(1)
        .late(1)
        .copies(1),
        import(
            "2 in turn, both retired, tombstones, 1 late, live",
            &[Import; 2],
        )
        .with(1, &[Retire, RetireMarkers])
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .late(1),
        import(
            "2 in turn, retire, 2 walks of tombstones, 1 lost",
            &[Import; 2],
        )
        .with(1, &[Retire])
        .with(2, &[RemoveTombstones])
        .losses(1),
        import("dies, scope erased, heal, 1 late, live", &[Import])
            .with(1, &[EraseScope])
            .with(1, &[Heal])
            .from(Start::Live)
            .deaths(1)
            .late(1),
        import(
            "dies, imported again, scope erased, 1 late, live",
            &[Import],
        )
        .with(1, &[Import])
        .with(1, &[EraseScope])
        .from(Start::Live)
        .deaths(1)
        .late(1),
        import(
            "deleted twice, imported again, 1 late, 1 copy, live",
            &[Import, Bury, Bury, Import],
        )
        .from(Start::Live)
        .late(1)
        .copies(1),
        import("deleted by another, retire, 1 lost, live", &[Import; 2])
            .with(1, &[BuryImported])
            .with(1, &[Retire])
            .from(Start::Live)
            .losses(1),
        import(
            "deleted, tombstones, imported again, 1 copy, live",
            &[Import, Bury, Import],
        )
        .with(1, &[RemoveTombstones])
        .from(Start::Live)
        .copies(1),
        import(
            "in turn, sidecar removed again, retire, heal, live",
            &[Import; 2],
        )
        .with(1, &[RemoveAgain])
        .with(1, &[Retire, Heal])
        .from(Start::Live),
        sidecar_removed_again("2 at once, sidecar removed again, retire, tombstones, live"),
        import("beside a store and delete, collector, 1 death", &[Import])
            .with(1, &[CreateStore, Bury])
            .with(1, &[Collect])
            .deaths(1),
    ];
    if short {
        return all;
    }
    all.extend([
        import("2 at once, then again, retire, 1 late, live", &[Import; 2])
            .with(1, &[Import])
            .with(1, &[Retire])
            .from(Start::Live)
            .late(1),
        import(
            "2 in turn, all walks, collector, 1 death, 1 late, live",
            &[Import; 2],
        )
        .with(1, &[Retire, RetireMarkers, Heal])
        .with(1, &[RemoveTombstones])
        .with(1, &[Collect])
        .from(Start::Live)
        .deaths(1)
        .late(1),
        import(
            "2 in turn, retire, collector, fence, 1 lost, 1 late, dead",
            &[Import; 2],
        )
        .with(1, &[Retire])
        .with(1, &[Collect])
        .with(1, &[Fence])
        .from(Start::Dead)
        .losses(1)
        .late(1),
    ]);
    all
}

/// An import whose sidecar is lost, and another one that has begun before it was complete, and is cut.
fn sidecar_removed_again(name: &str) -> Scenario {
    Scenario::new(format!("imports: {name}"))
        .with(1, &[RemoveAgain])
        .with(1, &[Retire])
        .with(1, &[RemoveTombstones])
        .with(2, &[Import])
        .names(1)
        .from(Start::Live)
}

/// The same with one piece taken out: each must break a rule. One is found only after a million states, which the
/// short form leaves out.
pub(crate) fn broken_imports(short: bool) -> Vec<Scenario> {
    let weak = |weakness: Weakness, ops: &[Op]| {
        Scenario::new(format!("imports: {weakness:?}"))
            .with(1, ops)
            .names(1)
            .from(Start::Live)
            .weak(weakness)
    };
    let lost = |weakness: Weakness| sidecar_removed_again(&format!("{weakness:?}")).weak(weakness);
    let mut all = vec![
        weak(Weakness::ImportBuries, &[Import; 2]).losses(1),
        weak(Weakness::DeletedTakenForRetired, &[Import, Bury, Import]),
        weak(Weakness::SidecarRetiredUnconditionally, &[Import])
            .with(1, &[Import])
            .with(1, &[Retire]),
        weak(Weakness::RetiredUnseen, &[Import]).with(1, &[Import]),
        weak(Weakness::RetiredUnconditionally, &[Import]).with(1, &[Retire]),
        weak(Weakness::OverwritingSidecar, &[Import]).with(1, &[Import]),
        weak(Weakness::RetiredNotClosed, &[Import; 2])
            .with(1, &[Retire])
            .with(1, &[RemoveTombstones])
            .losses(1),
        weak(Weakness::NoSecondRead, &[Import]).with(1, &[Collect]),
        lost(Weakness::SealedNotLookedFor),
        lost(Weakness::ReadBeforeSeal),
    ];
    if !short {
        all.push(lost(Weakness::ClosedWithoutVersion).with(1, &[Import]));
    }
    all
}
