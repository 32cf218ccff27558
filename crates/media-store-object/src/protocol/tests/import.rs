//! Importing by the second protocol.

use super::super::v2::ImportProtocol;
use super::super::{Answer as A, RecordState as S, Request as R, SidecarState, StoreOutcome};
use super::{Play, read, record, swap, token};

fn import() -> Play<ImportProtocol<u32>> {
    Play::new(ImportProtocol::new(7))
}

fn creates(generation: u128) -> [R<u32>; 2] {
    [
        R::CreateSidecar(token(generation)),
        R::CreateMarker(token(generation)),
    ]
}

fn seal(generation: u128) -> R<u32> {
    R::SealMarker(token(generation))
}

/// Up to sidecar and marker under live generation 1.
fn joining() -> Play<ImportProtocol<u32>> {
    import().on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
}

/// Up to sidecar, marker and bytes of new generation 100.
fn making() -> Play<ImportProtocol<u32>> {
    let [sidecar, marker] = creates(100);
    let requests = [sidecar, marker, R::WriteBlob(token(100))];
    let done = [A::Done, A::Done, A::Done];
    let read = import().on(R::ReadRecord, A::Record(None));
    read.on_all(requests, done)
}

fn stored(generation: u128, new: bool) -> StoreOutcome {
    StoreOutcome::Stored {
        generation: token(generation),
        new,
    }
}

fn own(generation: u128) -> A<u32> {
    A::Sidecar(SidecarState::Live(token(generation)))
}

#[test]
fn the_marker_is_sealed_last() {
    joining()
        .on_all(creates(1), [A::Done, A::Done])
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .on(seal(1), A::Done)
        .ends(R::ReadSidecar, own(1), stored(1, false));
    making()
        .on(swap(None, record(S::Live, 100, 101)), A::Swapped(1))
        .on(seal(100), A::Done)
        .ends(R::ReadSidecar, own(100), stored(100, true));
}

#[test]
fn nothing_is_buried() {
    joining().ends_all(creates(1), [A::Taken, A::Done], StoreOutcome::Busy);
    joining().ends_all(creates(1), [A::Done, A::Failed], StoreOutcome::Failed);
    let joined = || joining().on_all(creates(1), [A::Done, A::Done]);
    joined().ends(R::ReadRecord, A::Failed, StoreOutcome::Failed);
    joined().ends(
        R::ReadRecord,
        read(record(S::Dead, 1, 5), 6),
        StoreOutcome::Busy,
    );
    let live = || joined().on(R::ReadRecord, read(record(S::Live, 1, 2), 3));
    live().ends(seal(1), A::Taken, StoreOutcome::Busy);
    live().ends(seal(1), A::Failed, StoreOutcome::Failed);
    let sealed = || live().on(seal(1), A::Done);
    sealed().ends(R::ReadSidecar, A::Failed, StoreOutcome::Failed);
    for other in [
        SidecarState::Revised,
        SidecarState::Tombstone,
        SidecarState::Missing,
    ] {
        sealed().ends(R::ReadSidecar, A::Sidecar(other), StoreOutcome::Busy);
    }
}

#[test]
fn bytes_that_may_be_published_stay() {
    let publication = || swap(None, record(S::Live, 100, 101));
    // The record is still the one that the publication replaces.
    making()
        .on(publication(), A::Unclear)
        .on(R::ReadRecord, A::Record(None))
        .on(publication(), A::Unclear)
        .on(R::ReadRecord, A::Record(None))
        .on(publication(), A::Unclear)
        .ends(R::ReadRecord, A::Record(None), StoreOutcome::Failed);
    making()
        .on(publication(), A::Unclear)
        .on(R::ReadRecord, read(record(S::Live, 5, 6), 7))
        .ends(R::DeleteBlob(token(100)), A::Done, StoreOutcome::Busy);
    making()
        .on(publication(), A::Unclear)
        .on(R::ReadRecord, read(record(S::Live, 100, 101), 7))
        .on(seal(100), A::Done)
        .ends(R::ReadSidecar, own(100), stored(100, true));
}
