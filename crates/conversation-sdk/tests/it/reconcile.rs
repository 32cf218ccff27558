//! Media that no state names.

use std::time::Duration;

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{Owner, ReconcileOptions, StateStore, TurnEvent};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
use media_types::{ConversationId, Mime};

use crate::cut::{Cut, CutState, CutStorage, HOUR, MovedClock};
use crate::support::{KIB, Rig, image};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn answers(count: usize) -> ScriptedProvider {
    (0..count).fold(ScriptedProvider::new(), |provider, _| {
        provider.with_answer(ScriptedAnswer::new().text("ok"))
    })
}

fn rig(clock: &MovedClock, turns: usize) -> Rig {
    Rig::on(
        answers(turns),
        clock.state(),
        InMemoryStorage::new(),
        |builder| builder,
    )
}

/// A conversation with so many images in its history.
async fn history(rig: &Rig, images: usize) -> ConversationId {
    let mut conversation = rig.start().await;
    for seed in 0..images {
        let image = image(seed as u64, 110 * KIB);
        conversation.send_with_media("look", [image]).await.unwrap();
    }
    conversation.id().clone()
}

/// Media as a killed turn leaves it.
async fn orphan(rig: &Rig, conversation: &ConversationId) {
    let id = rig.state.info().await.unwrap().id.to_string();
    let metadata = MediaMetadata::new()
        .with_conversation(conversation.clone())
        .with_state_store(id);
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "orphan", metadata)
        .await
        .unwrap();
}

#[tokio::test]
async fn media_goes_after_it_was_unnamed_twice_a_grace_apart() {
    let clock = MovedClock::default();
    let rig = rig(&clock, 10);
    let id = history(&rig, 10).await;
    orphan(&rig, &id).await;
    let options = ReconcileOptions::new();
    let report = rig.manager.reconcile(options.clone()).await.unwrap();
    let store = &report.stores[0];
    assert_eq!(
        (store.examined, store.unnamed, store.waiting, store.deleted),
        (11, 1, 1, 0)
    );
    clock.forward(DAY - HOUR);
    assert_eq!(
        rig.manager
            .reconcile(options.clone())
            .await
            .unwrap()
            .deleted(),
        0
    );
    clock.forward(2 * HOUR);
    let dry = rig
        .manager
        .reconcile(options.clone().with_dry_run())
        .await
        .unwrap();
    assert_eq!((dry.stores[0].due, dry.deleted()), (1, 0));
    assert_eq!(rig.stored().await.len(), 11);
    let report = rig.manager.reconcile(options.clone()).await.unwrap();
    assert_eq!(report.deleted(), 1);
    assert_eq!(rig.stored().await.len(), 10);
    let report = rig.manager.reconcile(options).await.unwrap();
    assert_eq!(
        (report.stores[0].examined, report.stores[0].unnamed),
        (10, 0)
    );
    serde_json::to_string(&report).unwrap();
}

#[tokio::test]
async fn media_of_others_is_never_touched() {
    let clock = MovedClock::default();
    let rig = rig(&clock, 0);
    let conversation = rig.start().await;
    let foreign = MediaMetadata::new()
        .with_conversation(conversation.id().clone())
        .with_state_store("another".to_owned());
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "a", foreign)
        .await
        .unwrap();
    let unmarked = MediaMetadata::new().with_conversation(conversation.id().clone());
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "b", unmarked)
        .await
        .unwrap();
    let upload = MediaMetadata::new().with_user("u1".parse().unwrap());
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "c", upload)
        .await
        .unwrap();
    let options = ReconcileOptions::new()
        .with_grace(Duration::ZERO)
        .with_force(true);
    for _ in 0..2 {
        let report = rig.manager.reconcile(options.clone()).await.unwrap();
        assert_eq!((report.stores[0].foreign, report.deleted()), (3, 0));
    }
}

#[tokio::test]
async fn more_than_a_tenth_needs_force_and_at_most_so_many_go() {
    let clock = MovedClock::default();
    let rig = rig(&clock, 3);
    let id = history(&rig, 3).await;
    for _ in 0..5 {
        orphan(&rig, &id).await;
    }
    let options = ReconcileOptions::new()
        .with_grace(Duration::ZERO)
        .with_guard_floor(0);
    let report = rig.manager.reconcile(options.clone()).await.unwrap();
    assert!(report.is_guarded() && report.deleted() == 0);
    assert_eq!(report.stores[0].due, 5);
    let forced = options.with_force(true).with_max_deletions(2);
    for left in [6, 4, 3] {
        rig.manager.reconcile(forced.clone()).await.unwrap();
        assert_eq!(rig.stored().await.len(), left);
    }
}

#[tokio::test]
async fn a_running_turn_protects_its_media() {
    let clock = MovedClock::default();
    let answer = ScriptedAnswer::new().text("one").hang();
    let provider = ScriptedProvider::new().with_answer(answer);
    let rig = Rig::on(provider, clock.state(), InMemoryStorage::new(), |builder| {
        builder
    });
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("hello");
    while !matches!(
        events.next().await.unwrap().unwrap(),
        TurnEvent::TextDelta(_)
    ) {}
    orphan(&rig, conversation.id()).await;
    let options = ReconcileOptions::new()
        .with_grace(Duration::ZERO)
        .with_force(true);
    let report = rig.manager.reconcile(options.clone()).await.unwrap();
    assert_eq!((report.stores[0].protected, report.deleted()), (1, 0));
    drop(events);
}

#[tokio::test]
async fn media_of_a_purged_conversation_goes() {
    let clock = MovedClock::default();
    let rig = rig(&clock, 1);
    let id = history(&rig, 1).await;
    rig.manager
        .delete_conversation(&id, Owner::any())
        .await
        .unwrap();
    orphan(&rig, &id).await;
    let options = ReconcileOptions::new().with_force(true);
    rig.manager.reconcile(options.clone()).await.unwrap();
    clock.forward(DAY);
    assert_eq!(rig.manager.reconcile(options).await.unwrap().deleted(), 1);
    assert!(rig.stored().await.is_empty());
}

/// Cuts a turn with an image in and an image out at every call of its stores. After two graces
/// nothing is left that the state does not name, and nothing is missing that it names.
#[tokio::test]
async fn killed_turns_leave_nothing() {
    let (mut cuts, mut orphans, mut finished_turns) = (0, 0, 0);
    for halves in 0..500 {
        let (clock, cut) = (MovedClock::default(), Cut::never());
        let (state, store) = (clock.state(), InMemoryStorage::new());
        let answer = ScriptedAnswer::new()
            .text("here")
            .media(Mime::IMAGE_PNG, crate::support::image_bytes(2, 150 * KIB));
        let provider = ScriptedProvider::new().with_answer(answer);
        let runtime = crate::support::node_runtime();
        let rig = Rig::on(provider, state.clone(), store.clone(), |builder| {
            let (cut_state, cut_store) = (cut.clone(), cut.clone());
            builder
                .with_runtime(runtime.handle().clone())
                .with_state_store(CutState {
                    inner: state.clone(),
                    cut: cut_state,
                })
                .with_media_storage(CutStorage {
                    inner: store.clone(),
                    cut: cut_store,
                })
        });
        let mut conversation = rig.start().await;
        cut.after(halves);
        let finished = tokio::select! {
            response = conversation.send_with_media("look", [image(1, 150 * KIB)]) => Some(response),
            () = cut.reached() => None,
        };
        crate::support::kill_node(runtime).await;
        if let Some(response) = finished {
            response.unwrap();
            // A cut that comes at once with the answer may have been overtaken by it.
            finished_turns += 1;
            if finished_turns == 4 {
                break;
            }
            continue;
        }
        cuts += 1;
        let other = Rig::on(answers(0), state.clone(), store, |builder| builder);
        let options = ReconcileOptions::new().with_force(true);
        let first = other.manager.reconcile(options.clone()).await.unwrap();
        clock.forward(DAY);
        let second = other.manager.reconcile(options).await.unwrap();
        assert_eq!(first.deleted(), 0);
        assert_eq!(first.stores[0].unnamed, second.deleted());
        orphans += second.deleted();
        let left = other.stored().await;
        let keys: Vec<_> = left
            .iter()
            .map(conversation_state::ReferenceKey::from)
            .collect();
        let named = state.references(&keys).await.unwrap();
        assert!(named.iter().all(|named| *named), "after {halves} halves");
        let named = state
            .referenced_by(conversation.id(), None, 100)
            .await
            .unwrap();
        assert_eq!(named.len(), left.len(), "after {halves} halves");
    }
    assert!(cuts >= 12 && orphans >= 2, "{cuts} cuts, {orphans} orphans");
}
