//! What leaves messages for the store, and what stays.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use conversation_sdk::provider::Completion;
use conversation_sdk::{
    ConversationErrorKind, ManagerConfig, Message, OnStorageError, Part, ReferenceAccess, Tool,
    ToolCall, ToolDefinition, ToolError, ToolOutput, UserMessage, Window,
};
use media_loader::{FileAccess, MediaLoader};
use media_storage::{
    InMemoryStorage, Inventory, MediaStorageExt, RetentionPolicy, Scope, StorageErrorKind,
};
use media_storage_testkit::{Call, Fault, FaultyStorage};
use media_types::{Detail, MediaContent, MediaSource, MediaUrl, Mime, ProviderFile};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{
    Heard, KIB, Scripted, builder, config, count, pack, picture, picture_bytes, references, says,
};

/// Gives back the parts that it was made with.
#[derive(Debug)]
pub(crate) struct Gives(pub(crate) Vec<Part>);

#[async_trait::async_trait]
impl Tool for Gives {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("give", "gives", json!({"type": "object"}))
    }
    async fn call(&self, _: Value) -> Result<ToolOutput, ToolError> {
        Ok(ToolOutput::new(self.0.clone()))
    }
}

fn calls_give() -> Completion {
    Completion::new(vec![]).with_tool_calls(vec![ToolCall::new("call-1", "give", "{}")])
}

#[tokio::test]
async fn media_at_the_threshold_leaves_and_below_it_stays() {
    for (kib, sizes, expected) in [
        (
            100,
            [100 * KIB - 1, 100 * KIB, 100 * KIB + 1],
            [false, true, true],
        ),
        (0, [0, 1, 8], [true, true, true]),
        (1, [KIB - 1, KIB, 2 * KIB], [false, true, true]),
        (u64::MAX, [0, KIB, 4096 * KIB], [false, false, false]),
    ] {
        let (provider, store) = (Scripted::new(), InMemoryStorage::new());
        let manager = builder(&provider, &store)
            .with_config(ManagerConfig::default().with_media_size_threshold_kb(kib))
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let media =
            sizes.map(|size| MediaContent::from_bytes(Mime::IMAGE_PNG, picture_bytes(1, size)));
        let response = conversation.send_with_media("look", media).await.unwrap();
        let left: Vec<bool> = response.messages()[0]
            .media()
            .map(|content| content.reference().is_some())
            .collect();
        assert_eq!(left, expected, "threshold {kib} KiB");
        assert_eq!(response.messages()[0].text(), "look");
    }
}

#[tokio::test]
async fn user_answer_and_tool_results_are_externalized_with_all_their_fields() {
    let made = picture(3, 120 * KIB).with_caption("made by a tool");
    let nested: Part = serde_json::from_str(&format!(
        r#"{{"type":"tool_result","n":1.50,"content":[{}, {{"type":"text","text":"x"}}]}}"#,
        serde_json::to_string(&picture(4, 130 * KIB).with_width(7)).unwrap()
    ))
    .unwrap();
    assert!(matches!(nested, Part::Unreadable(_)));
    let provider = Scripted::new()
        .then_says(calls_give())
        .then_says(Completion::new(vec![
            "here".into(),
            picture(2, 110 * KIB).with_transcript("t").into(),
        ]));
    let store = InMemoryStorage::new();
    let manager = builder(&provider, &store)
        .with_tool(Gives(vec![made.into(), nested]))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let sent = picture(1, 100 * KIB)
        .with_detail(Detail::High)
        .with_caption("c")
        .with_filename("a.png")
        .with_width(640)
        .with_height(480)
        .with_attribute("x-own", json!({"deep": [1, null]}));
    let response = conversation
        .send_with_media("look", [sent.clone()])
        .await
        .unwrap();

    let roles: Vec<_> = response
        .messages()
        .iter()
        .map(|message| message.role)
        .collect();
    assert_eq!(format!("{roles:?}"), "[User, Assistant, Tool, Assistant]");
    let kept = response.messages()[0].media().next().unwrap();
    assert_eq!(kept.attributes(), sent.attributes());
    assert_eq!(
        (kept.mime(), kept.media_type()),
        (sent.mime(), sent.media_type())
    );
    assert_eq!(response.media()[0].caption(), Some("made by a tool"));
    assert_eq!(response.media()[1].transcript(), Some("t"));
    assert_eq!(count(&store).await, 4);

    // The nested one: a reference in its place, everything else as it was.
    let Part::Unreadable(nested) = &response.messages()[2].content[1] else {
        panic!("the part changed its kind");
    };
    assert!(
        nested
            .json()
            .starts_with(r#"{"type":"tool_result","n":1.50,"content":[{"#)
    );
    assert!(nested.json().contains("storage_reference") && nested.json().contains("\"width\":7"));
    assert!(nested.json().len() < 700, "{}", nested.json().len());

    // What was stored is what was sent, with where it belongs.
    let references = references(response.messages());
    for (reference, (seed, size)) in
        references
            .iter()
            .zip([(1, 100 * KIB), (3, 120 * KIB), (2, 110 * KIB)])
    {
        let bytes = store.retrieve_bytes(reference, u64::MAX).await.unwrap();
        assert_eq!(bytes, picture_bytes(seed, size));
        assert!(serde_json::to_string(reference).unwrap().len() <= 400);
    }
    let first = store.retrieve(&references[0]).await.unwrap().metadata;
    assert_eq!(first.conversation(), Some(conversation.id()));
    assert_eq!(first.session().unwrap().as_str(), "session-1");
    assert_eq!(first.user().unwrap().as_str(), "user-1");
    assert!(first.run().unwrap().as_str().starts_with("run-"));
    assert_eq!(
        (first.message_index(), first.content_index()),
        (Some(0), Some(1))
    );
    assert_eq!(
        first.created_at().map(|at| at.timestamp_millis()),
        Some(response.messages()[0].created_at.timestamp_millis())
    );
    assert_eq!(first.filename(), Some("a.png"));
    assert_eq!(first.provider(), None);
    assert_eq!(first.retention(), Some(RetentionPolicy::Retain));
    let answer = store.retrieve(&references[2]).await.unwrap().metadata;
    assert_eq!(answer.provider(), Some("scripted"));
    assert_eq!(
        (answer.message_index(), answer.content_index()),
        (Some(3), Some(1))
    );
}

#[tokio::test]
async fn the_model_gets_the_bytes_of_every_turn() {
    let provider = Scripted::new().then_says(calls_give());
    let store = InMemoryStorage::new();
    let manager = builder(&provider, &store)
        .with_tool(Gives(vec![picture(2, 150 * KIB).into()]))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    conversation
        .send_with_media("one", [picture(1, 200 * KIB)])
        .await
        .unwrap();
    // Within the turn: the round after the tool has both.
    let within = provider.last();
    assert_eq!(
        within.media,
        [
            Ok(picture_bytes(1, 200 * KIB)),
            Ok(picture_bytes(2, 150 * KIB))
        ]
    );
    conversation
        .send_with_media("two", [picture(3, 10)])
        .await
        .unwrap();
    let second = provider.last();
    assert_eq!(
        second.media,
        [
            Ok(picture_bytes(1, 200 * KIB)),
            Ok(picture_bytes(2, 150 * KIB)),
            Ok(picture_bytes(3, 10))
        ]
    );
    // The request itself carries references, not loaded bytes.
    let inline: usize = second
        .messages
        .iter()
        .flat_map(Message::media)
        .filter_map(MediaContent::inline)
        .map(|bytes| bytes.len())
        .sum();
    assert_eq!(inline, 10);
}

#[tokio::test]
async fn references_addresses_and_provider_files_stay_as_they_are() {
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let manager = builder(&provider, &store)
        .with_config(ManagerConfig::default().with_media_size_threshold_kb(0))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let reference = store
        .store_media(&picture(9, 10), media_storage::MediaMetadata::new())
        .await
        .unwrap();
    let url: MediaUrl = "https://example.com/a.png".parse().unwrap();
    let file = ProviderFile::new("openai", "file-1").unwrap();
    let media = [
        MediaContent::from_reference(Mime::IMAGE_PNG, reference.clone()),
        MediaContent::from_url(Mime::IMAGE_PNG, url),
        MediaContent::new(Mime::APPLICATION_PDF, MediaSource::ProviderFile(file)),
    ];
    let response = conversation
        .send_with_media("x", media.clone())
        .await
        .unwrap();
    assert!(response.messages()[0].media().eq(media.iter()));
    assert_eq!(count(&store).await, 1);
    // A reference that was not stored for this conversation is no permission.
    assert!(
        provider.last().media[0]
            .as_ref()
            .is_err_and(|note| note.contains("no longer available"))
    );
}

#[tokio::test]
async fn a_failure_at_any_part_leaves_nothing_of_its_batch() {
    for kind in [StorageErrorKind::Unavailable, StorageErrorKind::DiskSpace] {
        for n in 1..=4 {
            let store = FaultyStorage::new(InMemoryStorage::new())
                .with_fault(Fault::nth(Call::Store, n).fail(kind));
            let heard = Heard::default();
            let manager = conversation_sdk::ConversationManager::builder()
                .with_provider(Scripted::new())
                .with_media_storage(store.clone())
                .with_listener(heard.clone())
                .build()
                .unwrap();
            let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
            let media = [1, 2, 3, 4].map(|seed| picture(seed, 200 * KIB));
            let response = conversation
                .send_with_media("x", media.clone())
                .await
                .unwrap();
            // All inline, in the answer and in the state, and nothing in the store.
            assert!(
                response.messages()[0].media().eq(media.iter()),
                "{kind:?} {n}"
            );
            let kept = conversation.messages().await.unwrap();
            assert!(kept[0].media().eq(media.iter()));
            assert_eq!(count(store.inner()).await, 0);
            assert_eq!(response.kept_inline().len(), 4);
            assert_eq!(response.kept_inline()[0].storage_error, Some(kind));
            assert_eq!(
                heard
                    .names()
                    .iter()
                    .filter(|name| **name == "kept-inline")
                    .count(),
                4
            );

            // The store is well again: the next save takes what stayed behind with it.
            conversation.send("and now?").await.unwrap();
            let kept = conversation.messages().await.unwrap();
            assert_eq!(references(&kept).len(), 4);
            assert_eq!(count(store.inner()).await, 4);
        }
    }
}

#[tokio::test]
async fn fail_turn_leaves_the_state_as_it_was() {
    for n in 1..=3 {
        let store = FaultyStorage::new(InMemoryStorage::new());
        let provider = Scripted::new()
            .then_says(says("first"))
            .then_says(calls_give())
            .then_says(Completion::new(vec![picture(5, 200 * KIB).into()]));
        let manager = conversation_sdk::ConversationManager::builder()
            .with_provider(provider.clone())
            .with_media_storage(store.clone())
            .with_tool(Gives(vec![picture(4, 200 * KIB).into()]))
            .with_config(ManagerConfig::default().with_on_storage_error(OnStorageError::FailTurn))
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        conversation
            .send_with_media("x", [picture(1, 200 * KIB)])
            .await
            .unwrap();
        let before = serde_json::to_string(&conversation.messages().await.unwrap()).unwrap();
        let record = conversation.record().clone();
        // Of three more, one in the first batch and two in the second, the n-th fails.
        store.inject(Fault::nth(Call::Store, 1 + n).fail(StorageErrorKind::DiskSpace));
        let error = conversation
            .send_with_media("y", [picture(2, 200 * KIB)])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ConversationErrorKind::Storage, "{error:?}");
        assert_eq!(
            error.storage_error().unwrap().kind(),
            StorageErrorKind::DiskSpace
        );
        assert_eq!(error.hint(), "Free some space and send again");
        assert_eq!(error.answer().is_some(), n > 1, "a paid answer is not lost");
        if let Some(answer) = error.answer() {
            assert!(references(answer.messages()).is_empty());
        }
        let after = conversation.read(Window::All).await.unwrap();
        assert_eq!(serde_json::to_string(&after.messages).unwrap(), before);
        assert_eq!(after.record, record);
        assert_eq!(count(store.inner()).await, 1, "n = {n}");
    }
}

#[tokio::test]
async fn stores_of_a_batch_are_bounded() {
    let store = FaultyStorage::new(InMemoryStorage::new());
    let manager = conversation_sdk::ConversationManager::builder()
        .with_provider(Scripted::new())
        .with_media_storage(store.clone())
        .with_config(
            ManagerConfig::default()
                .with_media_size_threshold_kb(0)
                .with_concurrent_stores(3),
        )
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    store.inject(Fault::every(Call::Store).delay(std::time::Duration::from_millis(1)));
    let media: Vec<_> = (0..20).map(|seed| picture(seed, 50)).collect();
    conversation.send_with_media("x", media).await.unwrap();
    assert_eq!(store.most_in_flight(), 3);
}

#[tokio::test]
async fn files_are_stored_through_the_loader_and_its_policy() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("photo.png"), picture_bytes(1, 10)).unwrap();
    let file = MediaContent::from_path(Mime::IMAGE_PNG, "photo.png").with_caption("c");
    for (access, on_error) in [
        (
            FileAccess::Under(dir.path().to_owned()),
            OnStorageError::FailTurn,
        ),
        (FileAccess::Deny, OnStorageError::FailTurn),
        (FileAccess::Deny, OnStorageError::KeepInline),
    ] {
        let allowed = !matches!(access, FileAccess::Deny);
        let (provider, store) = (Scripted::new(), InMemoryStorage::new());
        let loader = MediaLoader::builder()
            .with_storage(Arc::new(store.clone()))
            .with_file_access(access)
            .build();
        let manager = builder(&provider, &store)
            .with_media_loader(loader)
            .with_config(ManagerConfig::default().with_on_storage_error(on_error))
            .build()
            .unwrap();
        let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
        let sent = conversation.send_with_media("x", [file.clone()]).await;
        if allowed {
            let response = sent.unwrap();
            let reference = references(response.messages()).remove(0);
            let media = store.retrieve(&reference).await.unwrap();
            assert_eq!(media.metadata.filename(), Some("photo.png"));
            assert_eq!(provider.last().media, [Ok(picture_bytes(1, 10))]);
            assert_eq!(
                response.messages()[0].media().next().unwrap().caption(),
                Some("c")
            );
        } else if on_error == OnStorageError::FailTurn {
            let error = sent.unwrap_err();
            assert_eq!(error.kind(), ConversationErrorKind::Media);
            assert!(conversation.messages().await.unwrap().is_empty());
        } else {
            let response = sent.unwrap();
            assert!(response.messages()[0].media().eq([&file]));
            assert_eq!(response.kept_inline()[0].storage_error, None);
            assert_eq!(response.notes().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_file_that_stays_inline_is_there_when_the_file_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("photo.png");
    std::fs::write(&path, picture_bytes(1, 200 * KIB)).unwrap();
    let store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 1).fail(StorageErrorKind::Unavailable));
    let loader = MediaLoader::builder()
        .with_storage(Arc::new(store.clone()))
        .with_file_access(FileAccess::Under(dir.path().to_owned()))
        .build();
    let provider = Scripted::new();
    let manager = conversation_sdk::ConversationManager::builder()
        .with_provider(provider.clone())
        .with_media_storage(store.clone())
        .with_media_loader(loader)
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let file = MediaContent::from_path(Mime::IMAGE_PNG, "photo.png").with_caption("c");
    let response = conversation.send_with_media("x", [file]).await.unwrap();
    assert_eq!(response.kept_inline()[0].size, Some(200 * KIB as u64));
    std::fs::remove_file(&path).unwrap();
    let kept = conversation.messages().await.unwrap();
    let media = kept[0].media().next().unwrap();
    assert_eq!(media.inline(), Some(&picture_bytes(1, 200 * KIB)));
    assert_eq!(
        (media.caption(), media.filename()),
        (Some("c"), Some("photo.png"))
    );
    // The store is well again and takes what the file no longer gives.
    conversation.send("and now?").await.unwrap();
    assert_eq!(provider.last().media, [Ok(picture_bytes(1, 200 * KIB))]);
    assert_eq!(references(&conversation.messages().await.unwrap()).len(), 1);
}

#[tokio::test]
async fn without_a_store_nothing_changes() {
    let provider = Scripted::new();
    let manager = conversation_sdk::ConversationManager::builder()
        .with_provider(provider.clone())
        .with_optional_media_storage(None)
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let sent = [picture(1, 300 * KIB)];
    let response = conversation
        .send_with_media("x", sent.clone())
        .await
        .unwrap();
    assert!(response.messages()[0].media().eq(sent.iter()));
    conversation.send("again").await.unwrap();
    assert_eq!(provider.last().media, [Ok(picture_bytes(1, 300 * KIB))]);
    assert!(response.kept_inline().is_empty());
}

#[tokio::test]
async fn an_older_inline_history_is_externalized_when_it_is_saved() {
    for opted_out in [false, true] {
        let state = conversation_sdk::InMemoryStateStore::new();
        let provider = Scripted::new();
        let without = conversation_sdk::ConversationManager::builder()
            .with_provider(provider.clone())
            .with_state_store(state.clone())
            .build()
            .unwrap();
        let mut conversation = without.new_conversation(&pack(), config()).await.unwrap();
        for seed in 0..6 {
            let media = [picture(seed, 120 * KIB), picture(seed, 10)];
            conversation.send_with_media("x", media).await.unwrap();
        }
        let id = conversation.id().clone();

        let store = InMemoryStorage::new();
        let with = builder(&provider, &store)
            .with_state_store(state)
            .with_config(ManagerConfig::default().with_externalize_history(!opted_out))
            .build()
            .unwrap();
        let mut conversation = with.resume(&pack(), &id).await.unwrap();
        conversation.send("go on").await.unwrap();
        let messages = conversation.messages().await.unwrap();
        let expected = if opted_out { 0 } else { 6 };
        assert_eq!(references(&messages).len(), expected);
        assert_eq!(count(&store).await, expected);
        conversation.send("and on").await.unwrap();
        assert_eq!(count(&store).await, expected);
        let bytes: Vec<_> = provider
            .last()
            .media
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let sent: Vec<_> = (0..6)
            .flat_map(|seed| [picture_bytes(seed, 120 * KIB), picture_bytes(seed, 10)])
            .collect();
        assert_eq!(bytes, sent);
    }
}

#[tokio::test]
async fn missing_media_becomes_a_note_and_the_turn_goes_on() {
    let (provider, store) = (Scripted::new(), InMemoryStorage::new());
    let heard = Heard::default();
    let manager = builder(&provider, &store)
        .with_listener(heard.clone())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let media = [picture(1, 200 * KIB), picture(2, 200 * KIB)];
    let response = conversation.send_with_media("x", media).await.unwrap();
    let gone = references(response.messages()).remove(0);
    store.delete(&gone).await.unwrap();
    let response = conversation.send("what was that?").await.unwrap();
    assert_eq!(response.notes().len(), 1);
    assert!(
        response.notes()[0].name.contains(gone.file_name()),
        "{:?}",
        response.notes()
    );
    assert_eq!(provider.last().media[1], Ok(picture_bytes(2, 200 * KIB)));
    assert!(heard.names().contains(&"missing"));
    // The history still names it.
    assert_eq!(references(&conversation.messages().await.unwrap()).len(), 2);
}

#[tokio::test]
async fn a_tool_result_alone_is_taken_from_its_message() {
    let provider = Scripted::new().then_says(calls_give());
    let store = InMemoryStorage::new();
    let manager = builder(&provider, &store)
        .with_tool(Gives(vec![picture(1, 500 * KIB).into()]))
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let response = conversation
        .send(UserMessage::from("make one"))
        .await
        .unwrap();
    assert_eq!(references(response.messages()).len(), 1);
    let scope = Scope::Conversation(conversation.id().clone());
    assert_eq!(
        store.usage(scope).await.unwrap().logical_bytes,
        500 * KIB as u64
    );
}

#[tokio::test]
async fn media_that_the_store_never_takes_stays_inline_and_holds_nothing_up() {
    let store = FaultyStorage::new(InMemoryStorage::new().with_max_media_size(300 * KIB as u64));
    let manager = conversation_sdk::ConversationManager::builder()
        .with_provider(Scripted::new())
        .with_media_storage(store.clone())
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let too_large = [picture(1, 300 * KIB + 1)];
    let response = conversation.send_with_media("x", too_large).await.unwrap();
    let kept = &response.kept_inline()[0];
    assert_eq!(kept.storage_error, Some(StorageErrorKind::TooLarge));
    store.inject(Fault::from_nth(Call::Store, 2).fail(StorageErrorKind::Unavailable));
    conversation
        .send_with_media("y", [picture(2, 300 * KIB)])
        .await
        .unwrap();
    store.heal();
    let before = store.calls(Call::Store);
    conversation.send("z").await.unwrap();
    // The one that failed for a while is stored; the other one is not tried again.
    assert_eq!(references(&conversation.messages().await.unwrap()).len(), 1);
    assert_eq!(store.calls(Call::Store), before + 1);
    conversation.send("and on").await.unwrap();
    assert_eq!(store.calls(Call::Store), before + 1);
}

#[tokio::test]
async fn references_reach_as_far_as_the_manager_allows() {
    for (access, user, session, seen) in [
        (ReferenceAccess::Conversation, "user-1", "session-1", false),
        (ReferenceAccess::Session, "user-2", "session-1", true),
        (ReferenceAccess::Session, "user-1", "session-2", false),
        (ReferenceAccess::User, "user-1", "session-2", true),
        (ReferenceAccess::User, "user-2", "session-1", false),
        (ReferenceAccess::Any, "user-2", "session-2", true),
    ] {
        let (provider, store) = (Scripted::new(), InMemoryStorage::new());
        let manager = builder(&provider, &store)
            .with_config(ManagerConfig::default().with_reference_access(access))
            .build()
            .unwrap();
        let mut first = manager.new_conversation(&pack(), config()).await.unwrap();
        let response = first
            .send_with_media("x", [picture(1, 200 * KIB)])
            .await
            .unwrap();
        let media = response.messages()[0].media().next().unwrap().clone();
        let other = config().with_user(user).with_session(session);
        let mut second = manager.new_conversation(&pack(), other).await.unwrap();
        second.send_with_media("y", [media]).await.unwrap();
        let got = provider.last().media.remove(0);
        assert_eq!(got.is_ok(), seen, "{access:?} {user} {session}: {got:?}");
    }
}

/// Bytes that tell when the last copy is gone.
struct Watched(Vec<u8>, Arc<AtomicBool>);

impl AsRef<[u8]> for Watched {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.1.store(true, Ordering::SeqCst);
    }
}

/// A store that keeps a copy of its own, as one on a disk does.
#[tokio::test]
async fn bytes_that_are_stored_are_in_memory_no_longer() {
    let directory = tempfile::tempdir().unwrap();
    let store = media_store_fs::FileStore::open(directory.path().join("m"))
        .await
        .unwrap();
    let gone = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&gone);
    let provider = Scripted::new().then(move |_| {
        assert!(
            seen.load(Ordering::SeqCst),
            "the bytes are held while the model answers"
        );
        Ok(says("ok"))
    });
    let manager = conversation_sdk::ConversationManager::builder()
        .with_provider(provider.clone())
        .with_media_storage(store)
        .build()
        .unwrap();
    let mut conversation = manager.new_conversation(&pack(), config()).await.unwrap();
    let bytes = Watched(picture_bytes(1, 200 * KIB).to_vec(), gone);
    let media = MediaContent::from_bytes(Mime::IMAGE_PNG, bytes::Bytes::from_owner(bytes));
    conversation.send_with_media("x", [media]).await.unwrap();
    assert_eq!(provider.last().media, [Ok(picture_bytes(1, 200 * KIB))]);
}
