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

/// Up to the marker under live generation 1.
fn joining() -> Play<StoreProtocol<u32>> {
    store()
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .on(R::CreateSidecar(token(1)), A::Done)
}

fn joined() -> Play<StoreProtocol<u32>> {
    let live = A::Sidecar(SidecarState::Live(token(1)));
    joining()
        .on(R::CreateMarker(token(1)), A::Done)
        .on(R::ReadSidecar, live)
}

/// Up to the publication of generation 100.
fn making() -> Play<StoreProtocol<u32>> {
    let live = A::Sidecar(SidecarState::Live(token(100)));
    store()
        .on(R::ReadRecord, A::Record(None))
        .on(R::CreateSidecar(token(100)), A::Done)
        .on(R::CreateMarker(token(100)), A::Done)
        .on(R::WriteBlob(token(100)), A::Done)
        .on(R::ReadSidecar, live)
}

fn stored(generation: u128, new: bool) -> StoreOutcome {
    StoreOutcome::Stored {
        generation: token(generation),
        new,
    }
}

#[test]
fn existing_bytes_are_shared() {
    let live = read(record(S::Live, 1, 2), 3);
    joined().ends(R::ReadRecord, live, stored(1, false));
}

#[test]
fn new_bytes_are_published_last() {
    let live = record(S::Live, 100, 101);
    making().ends(swap(None, live), A::Swapped(1), stored(100, true));
}

#[test]
fn a_create_of_unknown_outcome_ends_the_reference() {
    for answer in [A::Failed, A::Taken] {
        store()
            .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
            .on(R::CreateSidecar(token(1)), answer.clone())
            .on(R::BuryMarker(token(1)), A::Done)
            .ends(R::BurySidecar, A::Done, StoreOutcome::Busy);
        joining()
            .on(R::CreateMarker(token(1)), answer)
            .on(R::BuryMarker(token(1)), A::Done)
            .ends(R::BurySidecar, A::Done, StoreOutcome::Busy);
    }
}

#[test]
fn no_other_reference_is_tried_before_this_one_is_buried() {
    joining().on(R::CreateMarker(token(1)), A::Failed).ends(
        R::BuryMarker(token(1)),
        A::Failed,
        StoreOutcome::Failed,
    );
    joining()
        .on(R::CreateMarker(token(1)), A::Failed)
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
        joining()
            .on(R::CreateMarker(token(1)), A::Done)
            .on(R::ReadSidecar, A::Sidecar(state))
            .on(R::BuryMarker(token(1)), A::Done)
            .ends(R::BurySidecar, A::Done, StoreOutcome::Busy);
    }
}

#[test]
fn the_loser_of_a_race_removes_its_own_bytes() {
    making()
        .on(swap(None, record(S::Live, 100, 101)), A::Unclear)
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .on(R::BuryMarker(token(100)), A::Done)
        .on(R::DeleteBlob(token(100)), A::Failed)
        .ends(R::BurySidecar, A::Done, StoreOutcome::Busy);
}

#[test]
fn bytes_stay_as_long_as_their_publication_may_arrive() {
    let mut play = making();
    for _ in 0..3 {
        play = play
            .on(swap(None, record(S::Live, 100, 101)), A::Unclear)
            .on(R::ReadRecord, A::Record(None));
    }
    play.on(R::BuryMarker(token(100)), A::Done)
        .ends(R::BurySidecar, A::Done, StoreOutcome::Failed);
}

#[test]
fn a_condemned_generation_is_revived() {
    joined()
        .on(R::ReadRecord, read(record(S::Condemned, 1, 2), 3))
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
fn a_sidecar_is_retired_only_where_there_is_no_marker() {
    let retire = || Play::new(RetireProtocol::new(token(1)));
    retire().ends(R::RetireMarker(token(1)), A::Taken, RetireOutcome::Held);
    retire().on(R::RetireMarker(token(1)), A::Done).ends(
        R::BurySidecar,
        A::Done,
        RetireOutcome::Retired,
    );
    retire().ends(R::RetireMarker(token(1)), A::Failed, RetireOutcome::Failed);
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
}

#[test]
fn the_tombstone_of_a_marker_outlives_the_sidecar() {
    let removal = || Play::new(TombstoneProtocol::new(token(1)));
    for state in [SidecarState::Tombstone, SidecarState::Missing] {
        removal()
            .on(R::ReadSidecar, A::Sidecar(state))
            .on(R::RemoveMarker(token(1)), A::Done)
            .ends(R::RemoveSidecar, A::Done, TombstoneOutcome::Removed);
    }
    let live = SidecarState::Live(token(1));
    removal().on(R::ReadSidecar, A::Sidecar(live)).ends(
        R::BurySidecar,
        A::Done,
        TombstoneOutcome::Finished,
    );
}
