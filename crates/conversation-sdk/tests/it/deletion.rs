//! Deleting and ending conversations.

use std::time::Duration;

use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    Conversation, ConversationErrorKind as Kind, ConversationStatus, DeletionStatus, EventKind,
    InMemoryStateStore, ManagerConfig, Obstacle, Owner, StateStore, TurnEvent, Window,
};
use conversation_state::{Fence, MediaStoreName, RecordUpdate, StateWrite};
use media_storage::{
    InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt, MetadataPatch, RetentionPolicy,
};
use media_types::{ConversationId, Mime};

use crate::cut::{Cut, CutState, CutStorage, HOUR, MovedClock};
use crate::support::{KIB, Rig, image};

fn answers(count: usize) -> ScriptedProvider {
    (0..count).fold(ScriptedProvider::new(), |provider, _| {
        provider.with_answer(ScriptedAnswer::new().text("ok"))
    })
}

/// A conversation with a turn that stored an image.
async fn with_image(rig: &Rig) -> Conversation {
    let mut conversation = rig.start().await;
    let image = image(7, 200 * KIB);
    conversation.send_with_media("look", [image]).await.unwrap();
    assert_eq!(rig.stored().await.len(), 1);
    conversation
}

async fn is_gone(state: &InMemoryStateStore, id: &ConversationId) -> bool {
    let loaded = state.load(id, Window::MetadataOnly.into()).await.unwrap();
    loaded.is_none()
}

#[tokio::test]
async fn state_and_media_go_and_the_id_stays_refused() {
    let rig = Rig::new(answers(1));
    let conversation = with_image(&rig).await;
    let id = conversation.id().clone();
    let receipt = rig
        .manager
        .delete_conversation(&id, Owner::any())
        .await
        .unwrap();
    assert_eq!(receipt.status, DeletionStatus::Complete);
    assert_eq!(
        (receipt.conversations, receipt.places[0].references),
        (1, 1)
    );
    assert!(receipt.places[0].freed_bytes >= 200 * KIB as u64);
    assert!(is_gone(&rig.state, &id).await && rig.stored().await.is_empty());
    let told = rig.events.lock().unwrap().iter().any(|event| {
        event.subject.conversation.as_ref() == Some(&id)
            && matches!(
                event.kind,
                EventKind::MediaScopeDeleted { references: 1, freed_bytes, .. }
                    if freed_bytes >= 200 * KIB as u64
            )
    });
    assert!(told, "{:?}", rig.event_names());

    let json = serde_json::to_string(&receipt).unwrap();
    assert_eq!(
        serde_json::from_str::<conversation_sdk::DeletionReceipt>(&json).unwrap(),
        receipt
    );

    let again = conversation_sdk::Start::new().with_conversation_id(&id);
    let error = rig.manager.start(again).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyExists);
    let error = rig.manager.resume(&id, Owner::any()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    let repeated = rig
        .manager
        .delete_conversation(&id, Owner::any())
        .await
        .unwrap();
    assert!(repeated.is_complete() && repeated.conversations == 0);
}

#[tokio::test]
async fn another_user_deletes_nothing_and_learns_nothing() {
    let rig = Rig::new(answers(1));
    let start = conversation_sdk::Start::new().with_user("user-1");
    let mut conversation = rig.manager.start(start).await.unwrap();
    let sent = [image(7, 200 * KIB)];
    conversation.send_with_media("look", sent).await.unwrap();
    let id = conversation.id();
    let unknown: ConversationId = "unknown".parse().unwrap();
    for id in [id, &unknown] {
        let deleted = rig.manager.delete_conversation(id, Owner::user("user-2"));
        assert_eq!(deleted.await.unwrap_err().kind(), Kind::NotFound);
    }
    let invalid = rig.manager.delete_conversation(id, Owner::user(""));
    assert_eq!(invalid.await.unwrap_err().kind(), Kind::InvalidInput);
    assert_eq!(rig.stored().await.len(), 1);
    // The id of nobody was not taken by asking for its deletion.
    let free = conversation_sdk::Start::new().with_conversation_id(&unknown);
    rig.manager.start(free).await.unwrap();

    let owner = || Owner::user("user-1");
    let receipt = rig.manager.delete_conversation(id, owner()).await.unwrap();
    assert!(receipt.is_complete() && rig.stored().await.is_empty());
    let again = rig.manager.delete_conversation(id, owner()).await;
    assert_eq!(again.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
async fn media_that_the_history_does_not_name_goes_too() {
    let rig = Rig::new(answers(1));
    let conversation = with_image(&rig).await;
    let metadata = MediaMetadata::new().with_conversation(conversation.id().clone());
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "orphan", metadata)
        .await
        .unwrap();
    let other = MediaMetadata::new().with_conversation("another".parse().unwrap());
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "other", other)
        .await
        .unwrap();
    let receipt = rig
        .manager
        .delete_conversation(conversation.id(), Owner::any())
        .await
        .unwrap();
    assert_eq!(receipt.places[0].references, 2);
    assert_eq!(rig.stored().await.len(), 1);
}

#[tokio::test]
async fn a_conversation_deleted_in_its_first_turn_does_not_come_back() {
    let gate = Gate::new();
    let answer = ScriptedAnswer::new().text("one").gate(&gate);
    let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
    let mut conversation = rig.start().await;
    let mut events = conversation.stream(vec![image(1, 200 * KIB).into()]);
    while !matches!(
        events.next().await.unwrap().unwrap(),
        TurnEvent::TextDelta(_)
    ) {}
    let receipt = rig
        .manager
        .delete_conversation(conversation.id(), Owner::any())
        .await
        .unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    gate.open();
    let error = events.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    let error = conversation.send("again").await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(is_gone(&rig.state, conversation.id()).await && rig.stored().await.is_empty());
}

#[tokio::test]
async fn a_turn_of_another_node_is_waited_for() {
    let clock = MovedClock::default();
    let (state, store) = (clock.state(), InMemoryStorage::new());
    // The other node dies in the middle of its turn.
    let runtime = crate::support::node_runtime();
    let answer = ScriptedAnswer::new().text("lost").hang();
    let provider = ScriptedProvider::new().with_answer(answer);
    let dead = Rig::on(provider, state.clone(), store.clone(), |builder| {
        builder.with_runtime(runtime.handle().clone())
    });
    let mut conversation = dead.start().await;
    let mut events = conversation.stream(vec![image(1, 200 * KIB).into()]);
    while !matches!(
        events.next().await.unwrap().unwrap(),
        TurnEvent::TextDelta(_)
    ) {}
    crate::support::kill_node(runtime).await;

    let rig = Rig::on(answers(0), state, store, |builder| builder);
    let id = conversation.id();
    let receipt = rig
        .manager
        .delete_conversation(id, Owner::any())
        .await
        .unwrap();
    assert_eq!(receipt.status, DeletionStatus::InProgress);
    assert!(matches!(
        receipt.obstacles[..],
        [Obstacle::TurnLeased { .. }]
    ));
    assert!(receipt.leased_until().is_some());
    assert!(!is_gone(&rig.state, id).await);
    // It stored something once more before it died.
    let metadata = MediaMetadata::new().with_conversation(id.clone());
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "late", metadata)
        .await
        .unwrap();

    clock.forward(Duration::from_secs(61));
    let report = rig.manager.finish_deletions().await.unwrap();
    assert_eq!((report.finished, report.unfinished), (1, 0));
    assert!(is_gone(&rig.state, id).await && rig.stored().await.is_empty());
}

#[tokio::test]
async fn a_node_without_a_store_leaves_the_tombstone_and_says_so() {
    let rig = Rig::new(answers(1));
    let conversation = with_image(&rig).await;
    let id = conversation.id();
    let old = MediaStoreName::new("s3", Some("old".to_owned()));
    let record = conversation.record().await.unwrap();
    let update = RecordUpdate::new().with_media_stores([old.clone()]);
    let write = StateWrite::new(&record, Fence::Version(record.version)).with_record(update);
    rig.state.apply(write).await.unwrap();
    let receipt = rig
        .manager
        .delete_conversation(id, Owner::any())
        .await
        .unwrap();
    assert_eq!(receipt.status, DeletionStatus::InProgress);
    let [Obstacle::StoreMissing { store, .. }] = &receipt.obstacles[..] else {
        panic!("{receipt:?}")
    };
    assert_eq!(*store, old);
    let left = rig
        .state
        .load(id, Window::MetadataOnly.into())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(left.record.status, ConversationStatus::Deleting);
    assert!(rig.stored().await.is_empty());
    let report = rig.manager.finish_deletions().await.unwrap();
    assert_eq!(
        (report.finished, report.unfinished, report.receipts.len()),
        (0, 1, 1)
    );
}

#[tokio::test]
async fn media_on_hold_keeps_the_deletion_open() {
    let rig = Rig::new(answers(1));
    let conversation = with_image(&rig).await;
    let reference = rig.stored().await.remove(0);
    let hold = |hold| MetadataPatch::new().with_hold(hold);
    rig.store.update(&reference, hold(true)).await.unwrap();
    let receipt = rig
        .manager
        .delete_conversation(conversation.id(), Owner::any())
        .await
        .unwrap();
    assert!(matches!(
        receipt.obstacles[..],
        [Obstacle::OnHold { references: 1, .. }]
    ));
    rig.store.update(&reference, hold(false)).await.unwrap();
    assert!(
        rig.manager
            .delete_conversation(conversation.id(), Owner::any())
            .await
            .unwrap()
            .is_complete()
    );
    assert!(rig.stored().await.is_empty());
}

#[tokio::test]
async fn ending_deletes_what_goes_with_the_conversation() {
    let config = ManagerConfig::new().with_media_default_policy(RetentionPolicy::Delete);
    let rig = Rig::with(answers(2), |builder| builder.with_config(config));
    let conversation = with_image(&rig).await;
    let kept = MediaMetadata::new().with_conversation(conversation.id().clone());
    let kept = rig
        .store
        .store_bytes(Mime::IMAGE_PNG, "kept", kept)
        .await
        .unwrap();
    conversation.end().await.unwrap();
    conversation.end().await.unwrap();
    assert_eq!(rig.stored().await, [kept]);
    assert_eq!(
        conversation.record().await.unwrap().status,
        ConversationStatus::Ended
    );
    assert_eq!(conversation.messages(Window::All).await.unwrap().len(), 2);
    let error = conversation.clone().send("more").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Ended);
}

#[tokio::test]
async fn a_deletion_that_is_cut_anywhere_is_finished_by_another_node() {
    let mut cuts = 0;
    for halves in 0..500 {
        let (clock, cut) = (MovedClock::default(), Cut::never());
        let (state, store) = (clock.state(), InMemoryStorage::new());
        let rig = Rig::on(answers(1), state.clone(), store.clone(), |builder| {
            let (cut_state, cut_store) = (cut.clone(), cut.clone());
            builder
                .with_state_store(CutState {
                    inner: state.clone(),
                    cut: cut_state,
                })
                .with_media_storage(CutStorage {
                    inner: store.clone(),
                    cut: cut_store,
                })
        });
        let conversation = with_image(&rig).await;
        let id = conversation.id().clone();
        cut.after(halves);
        let finished = tokio::select! {
            receipt = rig.manager.delete_conversation(&id, Owner::any()) => Some(receipt.unwrap()),
            () = cut.reached() => None,
        };
        if let Some(receipt) = finished {
            assert!(receipt.is_complete());
            break;
        }
        cuts += 1;
        // The leases of the dead node are over.
        clock.forward(HOUR);
        let other = Rig::on(answers(0), state.clone(), store, |builder| builder);
        other.manager.finish_deletions().await.unwrap();
        let was_begun = is_gone(&state, &id).await;
        // Cut before its tombstone it has not begun.
        assert!(was_begun || halves == 0, "after {halves} halves");
        assert_eq!(was_begun, other.stored().await.is_empty());
    }
    assert!(cuts > 12, "only {cuts} cuts");
}

#[tokio::test]
async fn deletions_of_an_earlier_process_are_finished_from_the_first_use_on() {
    let rig = Rig::new(answers(1));
    let conversation = with_image(&rig).await;
    let id = conversation.id().clone();
    rig.state.tombstone(&id, HOUR).await.unwrap();
    let next = Rig::on(
        answers(0),
        rig.state.clone(),
        rig.store.clone(),
        |builder| builder,
    );
    next.manager.conversations("u1").await.unwrap();
    let done = async {
        while !is_gone(&next.state, &id).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), done)
        .await
        .unwrap();
    assert!(next.stored().await.is_empty());
}
