//! Repetitions of writes.

use std::time::Duration;

use conversation_types::Message;

use crate::conformance::harness::Harness;
use crate::conformance::steps::*;
use crate::error::StateErrorKind;
use crate::limits::{WRITES_KEPT, WRITES_KEPT_FOR};
use crate::load::Window;
use crate::outcome::NewConversation;
use crate::turn::TurnStatus;
use crate::update::RecordUpdate;
use crate::write::{Fence, StateWrite, Truncation, TruncationMode};

pub(super) async fn a_replay_returns_what_the_write_made(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let write = begin_write(&known, "t1", "q");
    let first = store.apply(write.clone()).await.unwrap();
    assert!(!first.replayed);
    let before = snapshot(&*store, "a").await;
    for _ in 0..3 {
        let again = store.apply(write.clone()).await.unwrap();
        assert!(again.replayed);
        assert_eq!(
            (
                again.version,
                again.head,
                again.epoch,
                again.lease_expires_at
            ),
            (
                first.version,
                first.head,
                first.epoch,
                first.lease_expires_at
            )
        );
        assert_eq!(again.record, first.record);
    }
    assert_eq!(snapshot(&*store, "a").await, before);
}

pub(super) async fn a_replay_after_foreign_writes_is_known(harness: &dyn Harness) {
    let store = harness.open().await;
    for foreign in [1, 100] {
        let name = format!("a-{foreign}");
        let known = create(&*store, &name).await;
        let write = write(&known).with_append([Message::user("x")]);
        let first = store.apply(write.clone()).await.unwrap();
        foreign_writes(&*store, &name, foreign).await;
        let again = store.apply(write).await.unwrap();
        assert_eq!((again.version, again.head), (first.version, first.head));
        assert!(again.replayed);
        assert_eq!(again.record.version, first.version + foreign as u64);
        assert_eq!(history(&*store, &name).await, ["x"]);
    }
}

pub(super) async fn an_unknown_write_on_a_known_base_is_a_conflict(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    for foreign in [1, 99] {
        let write = StateWrite::new(&known, Fence::Version(known.version))
            .with_record(RecordUpdate::new().with_title(Some("never".into())));
        foreign_writes(&*store, "a", foreign).await;
        // Nothing of it, now and later: not indeterminate.
        for _ in 0..2 {
            assert_kind(store.apply(write.clone()).await, StateErrorKind::Conflict);
        }
    }
    // One whose fence still holds is applied, however old its base is.
    let late = write(&known).with_append([Message::user("late")]);
    assert!(!store.apply(late).await.unwrap().replayed);
}

pub(super) async fn a_replay_after_truncation_is_known(harness: &dyn Harness) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let appended = write(&known).with_append([Message::user("x")]);
    let unknown = write(&known).with_append([Message::user("y")]);
    let first = store.apply(appended.clone()).await.unwrap();
    for mode in [TruncationMode::KeepAsBranch, TruncationMode::Remove] {
        let known = load(&*store, "a", Window::MetadataOnly).await.record;
        let cut = write(&known).with_truncate(Truncation::new(None, mode));
        store.apply(cut.clone()).await.unwrap();
        let before = snapshot(&*store, "a").await;
        // It was applied once, and is not applied again where there is room for it.
        let again = store.apply(appended.clone()).await.unwrap();
        assert_eq!((again.replayed, again.version), (true, first.version));
        assert_kind(store.apply(unknown.clone()).await, StateErrorKind::Conflict);
        assert!(store.apply(cut).await.unwrap().replayed);
        assert_eq!(snapshot(&*store, "a").await, before);
        let known = load(&*store, "a", Window::MetadataOnly).await.record;
        store
            .apply(write(&known).with_append([Message::user("z")]))
            .await
            .unwrap();
    }
}

pub(super) async fn a_write_for_a_purged_conversation_never_fits_its_successor(
    harness: &dyn Harness,
) {
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let applied = write(&known).with_append([Message::user("x")]);
    store.apply(applied.clone()).await.unwrap();
    let late = write(&known).with_append([Message::user("y")]);
    store.purge(&id("a")).await.unwrap();
    for write in [&applied, &late] {
        assert_kind(store.apply(write.clone()).await, StateErrorKind::NotFound);
    }
    // The successor has the same head and version as the old one had.
    let successor = create(&*store, "a").await;
    assert_ne!(successor.incarnation, known.incarnation);
    assert_eq!(
        (successor.head, successor.version),
        (known.head, known.version)
    );
    for write in [applied, late] {
        assert_kind(store.apply(write).await, StateErrorKind::NotFound);
    }
    assert!(history(&*store, "a").await.is_empty());
}

pub(super) async fn a_day_and_a_thousand_versions_are_known(harness: &dyn Harness) {
    let store = harness.open().await;
    let new = NewConversation::new(record("a"));
    let known = store.create(new.clone()).await.unwrap().into_record();
    let old = write(&known).with_append([Message::user("x")]);
    let never = StateWrite::new(&known, Fence::Version(known.version))
        .with_record(RecordUpdate::new().with_title(Some("never".into())));
    store.apply(old.clone()).await.unwrap();
    // More than a thousand versions within a day, and fewer in more than a day, are all known.
    foreign_writes(&*store, "a", WRITES_KEPT as usize + 50).await;
    assert!(store.apply(old.clone()).await.unwrap().replayed);
    assert_kind(store.apply(never.clone()).await, StateErrorKind::Conflict);
    let other = create(&*store, "b").await;
    let first = write(&other).with_append([Message::user("x")]);
    store.apply(first.clone()).await.unwrap();
    harness
        .advance(WRITES_KEPT_FOR + Duration::from_secs(3600))
        .await;
    foreign_writes(&*store, "b", 50).await;
    assert!(store.apply(first).await.unwrap().replayed);
    // What is older and further back than both is not told apart any more, and is no conflict.
    foreign_writes(&*store, "a", 60).await;
    for write in [old, never] {
        assert_kind(store.apply(write).await, StateErrorKind::Indeterminate);
    }
    let again = store.create(new).await;
    assert_kind(again, StateErrorKind::Indeterminate);
    assert_eq!(history(&*store, "a").await, ["x"]);
}

pub(super) async fn a_write_from_a_later_version_is_indeterminate(harness: &dyn Harness) {
    // As after a failover that lost writes: the fence may hold later, so it is no conflict.
    let store = harness.open().await;
    let known = create(&*store, "a").await;
    let open = begin(&*store, &known, "t1").await;
    let mut write = open.finish(TurnStatus::Complete, "a");
    write.base_version += 5;
    let Fence::Head { head, .. } = &mut write.fence else {
        panic!("a fence of the head");
    };
    *head += 3;
    assert_kind(store.apply(write).await, StateErrorKind::Indeterminate);
    assert_eq!(history(&*store, "a").await.len(), 1);
}
