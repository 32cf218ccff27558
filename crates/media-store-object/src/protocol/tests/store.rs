use super::super::{Answer as A, RecordState as S, Request as R, StoreOutcome, StoreProtocol};
use super::{Play, read, record, swap, token};

fn store(attempts: u32) -> Play<StoreProtocol<u32>> {
    Play::new(StoreProtocol::with_attempts(7, attempts))
}

/// Up to the write that publishes generation 100 with nonce 101 where no record was.
fn published() -> Play<StoreProtocol<u32>> {
    making(store(1).on(R::ReadRecord, A::Record(None)), 100)
}

fn making(play: Play<StoreProtocol<u32>>, generation: u128) -> Play<StoreProtocol<u32>> {
    play.on(R::WriteSidecar(token(generation)), A::Done)
        .on(R::WriteMarker(token(generation)), A::Done)
        .on(R::WriteBlob(token(generation)), A::Done)
}

/// Up to the second look at the record, with the marker under live generation 1.
fn joined(attempts: u32) -> Play<StoreProtocol<u32>> {
    join(store(attempts).on(R::ReadRecord, read(record(S::Live, 1, 2), 3)))
}

fn join(play: Play<StoreProtocol<u32>>) -> Play<StoreProtocol<u32>> {
    play.on(R::WriteSidecar(token(1)), A::Done)
        .on(R::WriteMarker(token(1)), A::Done)
}

fn stored(generation: u128, new: bool) -> StoreOutcome {
    StoreOutcome::Stored {
        generation: token(generation),
        new,
    }
}

/// Up to the last request of giving up.
fn undone(play: Play<StoreProtocol<u32>>, generation: u128, outcome: StoreOutcome) {
    play.on(R::DeleteMarker(token(generation)), A::Done)
        .ends(R::DeleteSidecar, A::Done, outcome);
}

#[test]
fn new_bytes_are_put_before_they_are_published() {
    published().ends(
        swap(None, record(S::Live, 100, 101)),
        A::Swapped(9),
        stored(100, true),
    );
}

#[test]
fn a_dead_generation_is_replaced_by_a_fresh_one() {
    let play = store(1).on(R::ReadRecord, read(record(S::Dead, 1, 2), 3));
    making(play, 100).ends(
        swap(Some(3), record(S::Live, 100, 101)),
        A::Swapped(9),
        stored(100, true),
    );
}

#[test]
fn bytes_that_are_there_are_shared() {
    joined(1).ends(
        R::ReadRecord,
        read(record(S::Live, 1, 2), 3),
        stored(1, false),
    );
}

#[test]
fn another_nonce_of_the_same_generation_is_as_good() {
    joined(1).ends(
        R::ReadRecord,
        read(record(S::Live, 1, 55), 4),
        stored(1, false),
    );
}

#[test]
fn a_condemned_generation_is_revived() {
    let play = store(1).on(R::ReadRecord, read(record(S::Condemned, 1, 2), 3));
    join(play)
        .on(R::ReadRecord, read(record(S::Condemned, 1, 2), 3))
        .ends(
            swap(Some(3), record(S::Live, 1, 100)),
            A::Swapped(4),
            stored(1, false),
        );
}

#[test]
fn a_revival_that_came_too_late_is_seen() {
    let play = joined(1)
        .on(R::ReadRecord, read(record(S::Condemned, 1, 2), 3))
        .on(swap(Some(3), record(S::Live, 1, 100)), A::Unclear)
        .on(R::ReadRecord, read(record(S::Dead, 1, 8), 9))
        .on(R::DeleteMarker(token(1)), A::Done)
        .on(R::ReadRecord, read(record(S::Dead, 1, 8), 9));
    making(play, 101).ends(
        swap(Some(9), record(S::Live, 101, 102)),
        A::Swapped(10),
        stored(101, true),
    );
}

#[test]
fn a_revival_by_another_is_as_good() {
    joined(0)
        .on(R::ReadRecord, read(record(S::Condemned, 1, 2), 3))
        .on(swap(Some(3), record(S::Live, 1, 100)), A::Unclear)
        .ends(
            R::ReadRecord,
            read(record(S::Live, 1, 8), 9),
            stored(1, false),
        );
}

#[test]
fn reviving_again_and_again_ends() {
    let play = joined(0)
        .on(R::ReadRecord, read(record(S::Condemned, 1, 2), 3))
        .on(swap(Some(3), record(S::Live, 1, 100)), A::Unclear)
        .on(R::ReadRecord, read(record(S::Condemned, 1, 8), 9));
    undone(play, 1, StoreOutcome::Busy);
}

#[test]
fn a_lost_race_begins_anew_with_the_winner() {
    let play = published()
        .on(swap(None, record(S::Live, 100, 101)), A::Unclear)
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .on(R::DeleteMarker(token(100)), A::Done)
        .on(R::DeleteBlob(token(100)), A::Failed)
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3));
    join(play).ends(
        R::ReadRecord,
        read(record(S::Live, 1, 2), 3),
        stored(1, false),
    );
}

#[test]
fn the_loser_of_a_race_removes_its_own_bytes() {
    let play = store(0).on(R::ReadRecord, A::Record(None));
    making(play, 100)
        .on(swap(None, record(S::Live, 100, 101)), A::Unclear)
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .on(R::DeleteMarker(token(100)), A::Done)
        .on(R::DeleteBlob(token(100)), A::Done)
        .ends(R::DeleteSidecar, A::Done, StoreOutcome::Busy);
}

#[test]
fn bytes_stay_as_long_as_their_publication_may_arrive() {
    let play = store(0).on(R::ReadRecord, A::Record(None));
    let mut play = making(play, 100);
    for _ in 0..3 {
        play = play
            .on(swap(None, record(S::Live, 100, 101)), A::Unclear)
            .on(R::ReadRecord, A::Record(None));
    }
    undone(play, 100, StoreOutcome::Failed);
}

#[test]
fn losing_each_race_is_busy() {
    let play = joined(0).on(R::ReadRecord, read(record(S::Live, 5, 6), 7));
    undone(play, 1, StoreOutcome::Busy);
}

#[test]
fn an_unclear_publication_that_happened_counts() {
    published()
        .on(swap(None, record(S::Live, 100, 101)), A::Unclear)
        .ends(
            R::ReadRecord,
            read(record(S::Live, 100, 101), 9),
            stored(100, true),
        );
}

#[test]
fn an_unclear_publication_that_is_condemned_meanwhile_is_revived() {
    published()
        .on(swap(None, record(S::Live, 100, 101)), A::Unclear)
        .on(R::ReadRecord, read(record(S::Condemned, 100, 8), 9))
        .ends(
            swap(Some(9), record(S::Live, 100, 102)),
            A::Swapped(10),
            stored(100, true),
        );
}

#[test]
fn a_publication_in_doubt_is_repeated_and_never_abandoned_for_another() {
    let publication = swap(None, record(S::Live, 100, 101));
    let play = published()
        .on(publication.clone(), A::Unclear)
        .on(R::ReadRecord, A::Record(None))
        .on(publication.clone(), A::Unclear)
        .on(R::ReadRecord, A::Record(None))
        .on(publication, A::Unclear)
        .on(R::ReadRecord, A::Record(None));
    undone(play, 100, StoreOutcome::Failed);
}

#[test]
fn what_fails_is_undone() {
    let fail = || A::Failed;
    // Nothing was written yet.
    store(1).ends(R::ReadRecord, fail(), StoreOutcome::Failed);

    let read_live = || store(1).on(R::ReadRecord, read(record(S::Live, 1, 2), 3));
    undone(
        read_live().on(R::WriteSidecar(token(1)), fail()),
        1,
        StoreOutcome::Failed,
    );
    let play = read_live().on(R::WriteSidecar(token(1)), A::Done);
    undone(
        play.on(R::WriteMarker(token(1)), fail()),
        1,
        StoreOutcome::Failed,
    );
    undone(joined(1).on(R::ReadRecord, fail()), 1, StoreOutcome::Failed);

    let read_none = || store(1).on(R::ReadRecord, A::Record(None));
    let sidecar = || read_none().on(R::WriteSidecar(token(100)), A::Done);
    let marker = || sidecar().on(R::WriteMarker(token(100)), A::Done);
    undone(
        read_none().on(R::WriteSidecar(token(100)), fail()),
        100,
        StoreOutcome::Failed,
    );
    undone(
        sidecar().on(R::WriteMarker(token(100)), fail()),
        100,
        StoreOutcome::Failed,
    );
    undone(
        marker().on(R::WriteBlob(token(100)), fail()),
        100,
        StoreOutcome::Failed,
    );
    let in_doubt = published().on(swap(None, record(S::Live, 100, 101)), A::Unclear);
    undone(
        in_doubt.on(R::ReadRecord, fail()),
        100,
        StoreOutcome::Failed,
    );
}

#[test]
fn the_sidecar_goes_even_when_the_marker_could_not() {
    joined(1)
        .on(R::ReadRecord, A::Failed)
        .on(R::DeleteMarker(token(1)), A::Failed)
        .ends(R::DeleteSidecar, A::Failed, StoreOutcome::Failed);
    joined(1)
        .on(R::ReadRecord, read(record(S::Dead, 1, 2), 3))
        .on(R::DeleteMarker(token(1)), A::Failed)
        .ends(R::DeleteSidecar, A::Done, StoreOutcome::Failed);
}

#[test]
fn a_record_of_another_size_is_not_joined() {
    let damaged = super::super::Record {
        size: 8,
        ..record(S::Live, 1, 2)
    };
    store(1).ends(R::ReadRecord, read(damaged, 3), StoreOutcome::OtherSize);
}

#[test]
fn answers_that_do_not_fit_are_failures() {
    store(1).ends(R::ReadRecord, A::Done, StoreOutcome::Failed);
    undone(
        joined(1).on(R::ReadRecord, A::Done),
        1,
        StoreOutcome::Failed,
    );
}
