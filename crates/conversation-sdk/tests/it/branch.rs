//! Branches.

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    Conversation, ConversationErrorKind as Kind, ConversationFilter, ConversationStatus, Message,
    MessageId, OmissionReason, Owner, Part, StateStore, Window,
};
use conversation_state::{ReferenceKey, references_of};
use media_encryption::{Encrypted, KeyScope, LocalKeys, MasterKey};
use media_storage::{
    InMemoryStorage, MediaStorage as _, MediaStorageExt, MetadataPatch, RetentionPolicy,
};

use crate::cut::{Cut, CutState, CutStorage, HOUR, MovedClock};
use crate::support::{KIB, Rig, history, image, image_bytes, references};

fn answers(count: usize) -> ScriptedProvider {
    (0..count).fold(ScriptedProvider::new(), |provider, n| {
        provider.with_answer(ScriptedAnswer::new().text(format!("answer {n}")))
    })
}

async fn messages(conversation: &Conversation) -> Vec<Message> {
    conversation.messages(Window::All).await.unwrap()
}

async fn with_turns(rig: &Rig, turns: usize) -> Conversation {
    let mut conversation = rig.start().await;
    for seed in 0..turns {
        let image = image(seed as u64, 150 * KIB);
        conversation
            .send_with_media(format!("{seed}"), [image])
            .await
            .unwrap();
    }
    conversation
}

#[tokio::test]
async fn a_branch_has_a_history_and_media_of_its_own() {
    let rig = Rig::new(answers(22));
    let mut original = with_turns(&rig, 20).await;
    let of_original = messages(&original).await;
    let mut branch = original.branch(&of_original[37].id).await.unwrap();
    let record = branch.record().await.unwrap();
    assert_eq!(record.status, ConversationStatus::Active);
    assert_eq!(record.source.unwrap().conversation, *original.id());
    assert_eq!(record.user.as_ref().map(|user| user.as_str()), Some("u1"));
    let of_branch = messages(&branch).await;
    let texts = |messages: &[Message]| messages.iter().map(Message::text).collect::<Vec<_>>();
    assert_eq!(texts(&of_branch), texts(&of_original[..38]));
    let (copies, originals) = (references(&of_branch), references(&of_original));
    assert_eq!((copies.len(), originals.len()), (19, 20));
    assert!(copies.iter().all(|copy| !originals.contains(copy)));
    assert_eq!(copies[0].sha256(), originals[0].sha256());
    let turns = branch.read(Window::All).await.unwrap().turns;
    assert_eq!(turns.len(), 19);
    assert!(turns.iter().all(|turn| turn.usage.is_zero()));

    branch.send("on").await.unwrap();
    rig.manager
        .delete_conversation(original.id(), Owner::any())
        .await
        .unwrap();
    assert_eq!(
        original.send("on").await.unwrap_err().kind(),
        Kind::NotFound
    );
    for media in messages(&branch).await.iter().flat_map(Message::media) {
        branch.open_media(media).await.unwrap();
    }
    assert_eq!(rig.stored().await.len(), 19);
    rig.manager
        .delete_conversation(branch.id(), Owner::any())
        .await
        .unwrap();
    assert!(rig.stored().await.is_empty());
}

#[tokio::test]
async fn media_that_is_gone_becomes_an_omitted_part() {
    let rig = Rig::new(answers(2));
    let conversation = with_turns(&rig, 2).await;
    let original = messages(&conversation).await;
    rig.store.delete(&references(&original)[0]).await.unwrap();
    let branch = conversation.branch(&original[3].id).await.unwrap();
    let copied = messages(&branch).await;
    let Part::Omitted(omitted) = &copied[0].content[1] else {
        panic!("{copied:?}")
    };
    assert_eq!(omitted.reason, OmissionReason::Unavailable);
    assert!(omitted.reference.is_none());
    assert_eq!(references(&copied).len(), 1);
    assert_eq!(history(&branch).await.len(), 4);
}

#[tokio::test]
async fn copies_expire_when_the_original_does() {
    let config = conversation_sdk::ManagerConfig::new()
        .with_media_default_policy(RetentionPolicy::RetainHours(1));
    let rig = Rig::with(answers(1), |builder| builder.with_config(config));
    let conversation = with_turns(&rig, 1).await;
    let original = messages(&conversation).await;
    let branch = conversation.branch(&original[1].id).await.unwrap();
    let expiry = async |messages: &[Message]| {
        let reference = references(messages).remove(0);
        rig.store
            .head(&reference)
            .await
            .unwrap()
            .expires_at()
            .unwrap()
    };
    let copied = messages(&branch).await;
    assert_eq!(expiry(&copied).await, expiry(&original).await);
    let error = conversation.branch(&MessageId::mint()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

#[tokio::test]
async fn the_media_of_a_branch_is_on_hold_if_that_of_the_original_is() {
    let rig = Rig::new(answers(2));
    let conversation = with_turns(&rig, 2).await;
    let original = messages(&conversation).await;
    let hold = MetadataPatch::new().with_hold(true);
    rig.store
        .update(&references(&original)[0], hold)
        .await
        .unwrap();
    let branch = conversation.branch(&original[3].id).await.unwrap();
    let copies = references(&messages(&branch).await);
    assert_eq!(copies.len(), 2);
    for (copy, on_hold) in copies.iter().zip([true, false]) {
        assert_eq!(rig.store.head(copy).await.unwrap().on_hold, on_hold);
    }
}

#[tokio::test]
async fn references_in_places_that_nobody_shows_are_copied_too() {
    let rig = Rig::new(answers(1));
    let conversation = with_turns(&rig, 1).await;
    let original = messages(&conversation).await;
    let reference = references(&original).remove(0);
    let mut message = Message::assistant(vec!["see".into()]);
    let value = serde_json::json!({"deep": [{"storage_reference": reference}], "text": "kept"});
    message.metadata.insert("tool".to_owned(), value);
    conversation.append([message.clone()]).await.unwrap();
    let branch = conversation.branch(&message.id).await.unwrap();
    let copied = messages(&branch).await.pop().unwrap();
    assert_eq!(copied.metadata["tool"]["text"], "kept");
    let named = references_of(&copied);
    assert_eq!(named.len(), 1);
    assert!(!named.contains(&ReferenceKey::from(&reference)));
}

#[tokio::test]
async fn a_branch_over_encryption_by_conversation_reads_its_media() {
    let directory = tempfile::tempdir().unwrap();
    let master_key = MasterKey::from_hex(&"5a".repeat(32)).unwrap();
    let keys = LocalKeys::builder(directory.path().join("keys"), master_key).with_create(true);
    let keys = keys.open().await.unwrap();
    let encrypted = Encrypted::builder(InMemoryStorage::new(), keys);
    let encrypted = encrypted.with_key_scope(KeyScope::Conversation).build();
    let rig = Rig::with(answers(1), |builder| builder.with_media_storage(encrypted));
    let conversation = with_turns(&rig, 1).await;
    let original = messages(&conversation).await;
    let id = references(&original)[0].id().to_owned();
    // Text that is equal to an id is no reference.
    let message = Message::assistant(vec![id.as_str().into()]);
    conversation.append([message.clone()]).await.unwrap();
    let branch = conversation.branch(&message.id).await.unwrap();
    let copied = messages(&branch).await;
    assert_eq!(copied[2].text(), id);
    let media = copied[0].media().next().unwrap();
    let opened = branch.open_media(media).await.unwrap();
    let bytes = opened.body.bytes(1 << 20).await.unwrap();
    assert_eq!(bytes, image_bytes(0, 150 * KIB));
}

/// A branch that is cut at any point is whole, or goes without a trace.
#[tokio::test]
async fn a_branch_that_is_cut_anywhere_leaves_nothing() {
    let mut cuts = 0;
    for halves in 0..500 {
        let (clock, cut) = (MovedClock::default(), Cut::never());
        let (state, store) = (clock.state(), InMemoryStorage::new());
        let rig = Rig::on(answers(9), state.clone(), store.clone(), |builder| {
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
        let original = with_turns(&rig, 9).await;
        let last = messages(&original).await.pop().unwrap().id;
        cut.after(halves);
        // Dropped where it waits.
        let finished = tokio::select! {
            branch = original.branch(&last) => Some(branch.unwrap()),
            () = cut.reached() => None,
        };
        if let Some(branch) = finished {
            assert_eq!(
                state
                    .references(&keys(&branch, &state).await)
                    .await
                    .unwrap(),
                [true; 9]
            );
            break;
        }
        cuts += 1;
        clock.forward(HOUR);
        let other = Rig::on(answers(0), state.clone(), store, |builder| builder);
        let report = other.manager.run_upkeep_once().await.unwrap();
        assert!(report.failures.is_empty(), "{report:?}");
        let page = state.list(&ConversationFilter::new()).await.unwrap();
        let of_branches = page.records.iter().filter(|record| record.source.is_some());
        // The last step may have happened and nobody heard of it: then the branch is whole.
        let whole = of_branches
            .inspect(|record| assert_eq!(record.message_count, 18))
            .count();
        assert_eq!(
            other.stored().await.len(),
            9 + 9 * whole,
            "after {halves} halves"
        );
    }
    assert!(cuts > 30, "{cuts} cuts");
}

async fn keys(
    branch: &Conversation,
    state: &conversation_sdk::InMemoryStateStore,
) -> Vec<ReferenceKey> {
    state.referenced_by(branch.id(), None, 100).await.unwrap()
}
