use super::super::{
    Answer as A, FenceOutcome, FenceProtocol, Record, RecordState as S, Request as R,
};
use super::{Play, read, record, swap, token};

fn fence(orphans: &[u128]) -> Play<FenceProtocol> {
    Play::new(FenceProtocol::new(
        orphans.iter().map(|value| token(*value)).collect(),
    ))
}

fn cleared(generations: usize) -> FenceOutcome {
    FenceOutcome::Cleared { generations }
}

#[test]
fn orphans_go_behind_a_fence_and_the_one_in_use_stays() {
    fence(&[5, 1, 6])
        .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
        .on(swap(Some(3), record(S::Live, 1, 100)), A::Swapped(4))
        .on(R::DeleteBlob(token(5)), A::Done)
        .on(R::DeleteMarkers(token(5)), A::Done)
        .on(R::DeleteBlob(token(6)), A::Done)
        .ends(R::DeleteMarkers(token(6)), A::Done, cleared(2));
}

#[test]
fn the_fence_keeps_the_state() {
    for state in [S::Condemned, S::Dead] {
        fence(&[5])
            .on(R::ReadRecord, read(record(state, 1, 2), 3))
            .on(swap(Some(3), record(state, 1, 100)), A::Swapped(4))
            .on(R::DeleteBlob(token(5)), A::Done)
            .ends(R::DeleteMarkers(token(5)), A::Done, cleared(1));
    }
}

#[test]
fn where_there_is_no_record_one_is_made_that_nobody_can_use() {
    let made = Record {
        size: 0,
        ..record(S::Dead, 100, 101)
    };
    fence(&[5])
        .on(R::ReadRecord, A::Record(None))
        .on(swap(None, made), A::Swapped(4))
        .on(R::DeleteBlob(token(5)), A::Done)
        .ends(R::DeleteMarkers(token(5)), A::Done, cleared(1));
}

#[test]
fn without_orphans_the_record_is_left_alone() {
    fence(&[1]).ends(R::ReadRecord, read(record(S::Live, 1, 2), 3), cleared(0));
}

#[test]
fn nothing_is_removed_without_a_fence() {
    let fenced = || {
        fence(&[5])
            .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
            .on(swap(Some(3), record(S::Live, 1, 100)), A::Unclear)
    };
    // One that another put there is as good in truth, but looks like one that came before.
    fenced().ends(
        R::ReadRecord,
        read(record(S::Live, 1, 8), 9),
        FenceOutcome::Contended,
    );
    fenced().ends(
        R::ReadRecord,
        read(record(S::Live, 1, 2), 3),
        FenceOutcome::Contended,
    );
    fenced().ends(R::ReadRecord, A::Failed, FenceOutcome::Failed);
    fenced()
        .on(R::ReadRecord, read(record(S::Live, 1, 100), 4))
        .on(R::DeleteBlob(token(5)), A::Done)
        .ends(R::DeleteMarkers(token(5)), A::Done, cleared(1));
}

#[test]
fn what_fails_ends_it() {
    fence(&[5]).ends(R::ReadRecord, A::Failed, FenceOutcome::Failed);
    let fenced = || {
        fence(&[5])
            .on(R::ReadRecord, read(record(S::Live, 1, 2), 3))
            .on(swap(Some(3), record(S::Live, 1, 100)), A::Swapped(4))
    };
    fenced().ends(R::DeleteBlob(token(5)), A::Failed, FenceOutcome::Failed);
    fenced().on(R::DeleteBlob(token(5)), A::Done).ends(
        R::DeleteMarkers(token(5)),
        A::Failed,
        FenceOutcome::Failed,
    );
}
