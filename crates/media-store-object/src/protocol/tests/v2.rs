//! Each way through the machines of the second protocol.

use super::super::v2::{
    DeleteOutcome, DeleteProtocol, HealOutcome, HealProtocol, RetireOutcome, RetireProtocol,
    StoreProtocol, TombstoneOutcome, TombstoneProtocol,
};
use super::super::{Answer as A, RecordState as S, Request as R, SidecarState, StoreOutcome};
use super::{Play, read, record, swap, token};

fn store() -> Play<StoreProtocol<u32>> {
    Play::new(StoreProtocol::new(7))
}

/// Up to sidecar and marker under live generation 1.
fn joining() -> Play<StoreProtocol<u32>> {
    store().on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
}

const JOIN: [R<u32>; 2] = [R::CreateSidecar(token(1)), R::CreateMarker(token(1))];

/// Up to the check under live generation 1.
fn joined() -> Play<StoreProtocol<u32>> {
    joining().on_all(JOIN, [A::Done, A::Done])
}

fn sidecar_of(generation: u128) -> A<u32> {
    A::Sidecar(SidecarState::Live(token(generation)))
}

/// Up to sidecar, marker and bytes of generation 100.
fn filling() -> Play<StoreProtocol<u32>> {
    store().on(R::ReadRecord, A::Record(None))
}

const FILL: [R<u32>; 3] = [
    R::CreateSidecar(token(100)),
    R::CreateMarker(token(100)),
    R::WriteBlob(token(100)),
];

/// Up to the publication of generation 100.
fn making() -> Play<StoreProtocol<u32>> {
    filling().on_all(FILL, [A::Done, A::Done, A::Done])
}

fn announcement() -> [R<u32>; 3] {
    [
        R::ReadSidecar,
        R::SealMarker(token(100)),
        swap(None, record(S::Live, 100, 101)),
    ]
}

fn stored(generation: u128, new: bool) -> StoreOutcome {
    StoreOutcome::Stored {
        generation: token(generation),
        new,
    }
}

const CHECK: [R<u32>; 3] = [R::ReadSidecar, R::SealMarker(token(1)), R::ReadRecord];

#[test]
fn existing_bytes_are_shared() {
    let live = read(record(S::Live, 1, 2), 3);
    joined().ends_all(CHECK, [sidecar_of(1), A::Done, live], stored(1, false));
}

#[test]
fn a_remembered_generation_is_joined_without_reading_first() {
    let remembered =
        || Play::new(StoreProtocol::joining(7, token(1))).on_all(JOIN, [A::Done, A::Done]);
    let live = read(record(S::Live, 1, 2), 3);
    remembered().ends_all(CHECK, [sidecar_of(1), A::Done, live], stored(1, false));
    let mut larger = record(S::Live, 1, 2);
    larger.size += 1;
    for gone in [
        A::Record(None),
        read(record(S::Dead, 1, 2), 3),
        read(record(S::Live, 9, 2), 3),
        read(larger, 3),
    ] {
        remembered()
            .on_all(CHECK, [sidecar_of(1), A::Done, gone])
            .on(R::BuryMarker(token(1)), A::Done)
            .ends(R::BurySidecar, A::Done, StoreOutcome::Busy);
    }
}

#[test]
fn new_bytes_are_published_last() {
    making().ends_all(
        announcement(),
        [sidecar_of(100), A::Done, A::Swapped(1)],
        stored(100, true),
    );
}

#[test]
fn bytes_that_were_not_published_are_removed() {
    for (answers, outcome) in [
        ([A::Done, A::Done, A::Failed], StoreOutcome::Failed),
        ([A::Done, A::Failed, A::Failed], StoreOutcome::Failed),
        ([A::Failed, A::Done, A::Done], StoreOutcome::Busy),
        ([A::Done, A::Failed, A::Done], StoreOutcome::Busy),
        ([A::Done, A::Taken, A::Done], StoreOutcome::Busy),
    ] {
        filling()
            .on_all(FILL, answers)
            .on(R::BuryMarker(token(100)), A::Done)
            .on(R::DeleteBlob(token(100)), A::Done)
            .ends(R::BurySidecar, A::Done, outcome);
    }
}

#[test]
fn bytes_that_may_have_been_published_stay() {
    for (sidecar, seal) in [
        (A::Sidecar(SidecarState::Tombstone), A::Taken),
        (sidecar_of(100), A::Taken),
        (sidecar_of(100), A::Failed),
    ] {
        let refused =
            |swapped| making().on_all(announcement(), [sidecar.clone(), seal.clone(), swapped]);
        let ends = |play: Play<StoreProtocol<u32>>| {
            play.on(R::BuryMarker(token(100)), A::Done).ends(
                R::BurySidecar,
                A::Done,
                StoreOutcome::Busy,
            );
        };
        ends(refused(A::Swapped(1)));
        for read in [
            A::Failed,
            A::Record(None),
            read(record(S::Live, 100, 101), 3),
        ] {
            ends(refused(A::Unclear).on(R::ReadRecord, read));
        }
        // The record names another generation: the publication can no longer succeed.
        refused(A::Unclear)
            .on(R::ReadRecord, read(record(S::Dead, 9, 2), 3))
            .on(R::BuryMarker(token(100)), A::Done)
            .on(R::DeleteBlob(token(100)), A::Done)
            .ends(R::BurySidecar, A::Done, StoreOutcome::Busy);
    }
}

#[test]
fn a_write_of_unknown_outcome_ends_the_reference() {
    for answer in [A::Failed, A::Taken] {
        for answers in [[answer.clone(), A::Done], [A::Done, answer.clone()]] {
            joining()
                .on_all(JOIN, answers)
                .on(R::BuryMarker(token(1)), A::Done)
                .ends(R::BurySidecar, A::Done, StoreOutcome::Busy);
        }
        let live = read(record(S::Live, 1, 2), 3);
        joined()
            .on_all(CHECK, [sidecar_of(1), answer, live])
            .on(R::BuryMarker(token(1)), A::Done)
            .ends(R::BurySidecar, A::Done, StoreOutcome::Busy);
    }
}

#[test]
fn no_other_reference_is_tried_before_this_one_is_buried() {
    joining().on_all(JOIN, [A::Done, A::Failed]).ends(
        R::BuryMarker(token(1)),
        A::Failed,
        StoreOutcome::Failed,
    );
    joining()
        .on_all(JOIN, [A::Done, A::Failed])
        .on(R::BuryMarker(token(1)), A::Done)
        .ends(R::BurySidecar, A::Failed, StoreOutcome::Failed);
}

#[test]
fn a_store_that_was_deleted_is_not_acknowledged() {
    for state in [
        SidecarState::Tombstone,
        SidecarState::Missing,
        SidecarState::Restored(token(1)),
        SidecarState::Live(token(9)),
    ] {
        let live = read(record(S::Live, 1, 2), 3);
        joined()
            .on_all(CHECK, [A::Sidecar(state), A::Done, live])
            .on(R::BuryMarker(token(1)), A::Done)
            .ends(R::BurySidecar, A::Done, StoreOutcome::Busy);
    }
}

#[test]
fn the_loser_of_a_race_removes_its_own_bytes() {
    making()
        .on_all(announcement(), [sidecar_of(100), A::Done, A::Unclear])
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .on(R::BuryMarker(token(100)), A::Done)
        .on(R::DeleteBlob(token(100)), A::Failed)
        .ends(R::BurySidecar, A::Done, StoreOutcome::Busy);
}

#[test]
fn bytes_stay_as_long_as_their_publication_may_arrive() {
    let mut play = making()
        .on_all(announcement(), [sidecar_of(100), A::Done, A::Unclear])
        .on(R::ReadRecord, A::Record(None));
    for _ in 0..2 {
        play = play
            .on(swap(None, record(S::Live, 100, 101)), A::Unclear)
            .on(R::ReadRecord, A::Record(None));
    }
    play.on(R::BuryMarker(token(100)), A::Done)
        .ends(R::BurySidecar, A::Done, StoreOutcome::Failed);
}

#[test]
fn a_condemned_generation_is_revived() {
    let condemned = read(record(S::Condemned, 1, 2), 3);
    joined()
        .on_all(CHECK, [sidecar_of(1), A::Done, condemned])
        .ends(
            swap(Some(3), record(S::Live, 1, 100)),
            A::Swapped(4),
            stored(1, false),
        );
}

#[test]
fn a_deletion_buries_the_marker_first() {
    let deletion = || Play::new(DeleteProtocol::new(token(1)));
    deletion().on(R::BuryMarker(token(1)), A::Done).ends(
        R::BurySidecar,
        A::Done,
        DeleteOutcome::Deleted,
    );
    deletion().ends(R::BuryMarker(token(1)), A::Failed, DeleteOutcome::Failed);
    deletion().on(R::BuryMarker(token(1)), A::Done).ends(
        R::BurySidecar,
        A::Failed,
        DeleteOutcome::Failed,
    );
}

#[test]
fn a_sidecar_is_retired_only_where_there_is_no_sealed_marker() {
    let retire = || Play::new(RetireProtocol::new(token(1)));
    let (marker, sidecar) = (R::RetireMarker(token(1)), R::RetireSidecar(token(1)));
    retire().ends(marker.clone(), A::Taken, RetireOutcome::Held);
    let retired = || retire().on(marker.clone(), A::Done);
    retired().ends(sidecar.clone(), A::Done, RetireOutcome::Retired);
    retired().ends(sidecar.clone(), A::Taken, RetireOutcome::Retired);
    retired().ends(sidecar.clone(), A::Failed, RetireOutcome::Failed);
    retire().ends(marker.clone(), A::Failed, RetireOutcome::Failed);
    let alone = || Play::new(RetireProtocol::marker(token(1)));
    alone().ends(marker.clone(), A::Done, RetireOutcome::Retired);
    alone().ends(marker.clone(), A::Buried, RetireOutcome::Retired);
    alone().ends(marker, A::Taken, RetireOutcome::Held);
}

#[test]
fn what_an_interrupted_deletion_left_is_closed() {
    let buried = || {
        let retire = Play::new(RetireProtocol::new(token(1)));
        retire.on(R::RetireMarker(token(1)), A::Buried)
    };
    let sidecar = R::RetireSidecar(token(1));
    buried()
        .on(sidecar.clone(), A::Done)
        .ends(R::CloseSidecar, A::Done, RetireOutcome::Deleted);
    buried().ends(sidecar.clone(), A::Taken, RetireOutcome::Deleted);
    buried().ends(sidecar, A::Failed, RetireOutcome::Failed);
}

#[test]
fn a_missing_sidecar_is_restored_and_a_buried_one_is_not() {
    let heal = || Play::new(HealProtocol::new(token(1)));
    let sidecar = A::Sidecar;
    let live = SidecarState::Live(token(1));
    heal().ends(R::ReadSidecar, sidecar(live), HealOutcome::Sound);
    heal()
        .on(R::ReadSidecar, sidecar(SidecarState::Missing))
        .ends(R::RestoreSidecar(token(1)), A::Done, HealOutcome::Restored);
    heal()
        .on(R::ReadSidecar, sidecar(SidecarState::Missing))
        .ends(R::RestoreSidecar(token(1)), A::Taken, HealOutcome::Failed);
    heal()
        .on(R::ReadSidecar, sidecar(SidecarState::Tombstone))
        .ends(R::BuryMarker(token(1)), A::Done, HealOutcome::Buried);
    heal()
        .on(R::ReadSidecar, sidecar(SidecarState::Retired))
        .ends(R::RestoreSidecar(token(1)), A::Done, HealOutcome::Restored);
    let revised = sidecar(SidecarState::Revised);
    heal().ends(R::ReadSidecar, revised, HealOutcome::Sound);
}

#[test]
fn the_tombstone_of_a_marker_outlives_the_sidecar() {
    let read = |state| {
        let removal = Play::new(TombstoneProtocol::new(token(1)));
        removal.on(R::ReadSidecar, A::Sidecar(state))
    };
    let marker = || R::RemoveMarker(token(1));
    read(SidecarState::Tombstone).on(marker(), A::Done).ends(
        R::RemoveSidecar,
        A::Done,
        TombstoneOutcome::Removed,
    );
    read(SidecarState::Missing).ends(marker(), A::Done, TombstoneOutcome::Removed);
    // A deletion, or the retiring of the reference, was interrupted.
    let live = || read(SidecarState::Live(token(1)));
    live()
        .on(R::RetireMarker(token(1)), A::Buried)
        .on(R::RetireSidecar(token(1)), A::Done)
        .ends(R::CloseSidecar, A::Done, TombstoneOutcome::Finished);
    live().on(R::RetireMarker(token(1)), A::Done).ends(
        R::RetireSidecar(token(1)),
        A::Done,
        TombstoneOutcome::Finished,
    );
    let young = Play::new(TombstoneProtocol::marker(token(1)));
    let tombstone = A::Sidecar(SidecarState::Tombstone);
    young.ends(R::ReadSidecar, tombstone, TombstoneOutcome::Finished);
}

#[test]
fn a_sidecar_of_a_later_import_stays() {
    let read = |state| {
        let removal = Play::new(TombstoneProtocol::new(token(1)));
        removal.on(R::ReadSidecar, A::Sidecar(state))
    };
    let marker = || R::RemoveMarker(token(1));
    for later in [SidecarState::Revised, SidecarState::Live(token(2))] {
        read(later).ends(marker(), A::Done, TombstoneOutcome::Superseded);
    }
    let retired = || read(SidecarState::Retired);
    retired().ends(R::FindSealed, A::Found(true), TombstoneOutcome::Finished);
    retired().ends(R::FindSealed, A::Failed, TombstoneOutcome::Failed);
    let unsealed = || retired().on(R::FindSealed, A::Found(false));
    unsealed()
        .on(R::CloseSeen, A::Taken)
        .ends(marker(), A::Done, TombstoneOutcome::Superseded);
    unsealed()
        .on(R::CloseSeen, A::Done)
        .on(marker(), A::Done)
        .ends(R::RemoveSidecar, A::Done, TombstoneOutcome::Removed);
}
