use super::super::{Answer as A, CollectOutcome, CollectProtocol, RecordState as S, Request as R};
use super::{Play, read, record, swap, token};

fn collect() -> Play<CollectProtocol<u32>> {
    Play::new(CollectProtocol::new())
}

/// Generation 1 was condemned by us: nonce 100, version 4.
fn condemned() -> Play<CollectProtocol<u32>> {
    collect()
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .on(R::FindMarker(token(1)), A::Found(false))
        .on(swap(Some(3), record(S::Condemned, 1, 100)), A::Swapped(4))
}

fn cleared(play: Play<CollectProtocol<u32>>) {
    play.on(R::DeleteBlob(token(1)), A::Done).ends(
        R::DeleteMarkers(token(1)),
        A::Done,
        CollectOutcome::Collected,
    );
}

#[test]
fn bytes_go_in_two_steps_with_a_look_between() {
    let play = condemned()
        .on(R::FindMarker(token(1)), A::Found(false))
        .on(swap(Some(4), record(S::Dead, 1, 101)), A::Swapped(5));
    cleared(play);
}

#[test]
fn held_bytes_are_left_alone() {
    collect()
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .ends(
            R::FindMarker(token(1)),
            A::Found(true),
            CollectOutcome::Held,
        );
}

#[test]
fn a_marker_that_came_meanwhile_reprieves() {
    for answer in [A::Swapped(5), A::Unclear] {
        condemned()
            .on(R::FindMarker(token(1)), A::Found(true))
            .ends(
                swap(Some(4), record(S::Live, 1, 101)),
                answer,
                CollectOutcome::Held,
            );
    }
}

#[test]
fn what_another_condemned_is_taken_on() {
    let play = collect()
        .on(R::ReadRecord, read(record(S::Condemned, 1, 2), 3))
        .on(R::FindMarker(token(1)), A::Found(false))
        .on(swap(Some(3), record(S::Dead, 1, 100)), A::Swapped(4));
    cleared(play);
}

#[test]
fn what_another_buried_is_cleared() {
    cleared(collect().on(R::ReadRecord, read(record(S::Dead, 1, 2), 3)));
}

#[test]
fn nothing_is_nothing() {
    collect().ends(R::ReadRecord, A::Record(None), CollectOutcome::Absent);
}

#[test]
fn an_unclear_swap_that_happened_counts() {
    let play = collect()
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .on(R::FindMarker(token(1)), A::Found(false))
        .on(swap(Some(3), record(S::Condemned, 1, 100)), A::Unclear)
        .on(R::ReadRecord, read(record(S::Condemned, 1, 100), 4))
        .on(R::FindMarker(token(1)), A::Found(false))
        .on(swap(Some(4), record(S::Dead, 1, 101)), A::Unclear)
        .on(R::ReadRecord, read(record(S::Dead, 1, 101), 5));
    cleared(play);
}

#[test]
fn nothing_is_removed_after_a_burial_that_did_not_happen() {
    for state in [S::Live, S::Condemned, S::Dead] {
        condemned()
            .on(R::FindMarker(token(1)), A::Found(false))
            .on(swap(Some(4), record(S::Dead, 1, 101)), A::Unclear)
            .ends(
                R::ReadRecord,
                read(record(state, 1, 8), 9),
                CollectOutcome::Contended,
            );
    }
}

#[test]
fn what_fails_ends_it() {
    let failed = CollectOutcome::Failed;
    collect().ends(R::ReadRecord, A::Failed, failed);
    collect()
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .ends(R::FindMarker(token(1)), A::Failed, failed);
    condemned().ends(R::FindMarker(token(1)), A::Failed, failed);
    condemned()
        .on(R::FindMarker(token(1)), A::Found(false))
        .on(swap(Some(4), record(S::Dead, 1, 101)), A::Unclear)
        .ends(R::ReadRecord, A::Failed, failed);
    let dead = || collect().on(R::ReadRecord, read(record(S::Dead, 1, 2), 3));
    dead().ends(R::DeleteBlob(token(1)), A::Failed, failed);
    dead()
        .on(R::DeleteBlob(token(1)), A::Done)
        .ends(R::DeleteMarkers(token(1)), A::Failed, failed);
}
