//! Answers that are returned before their media is stored.

use std::time::Duration;

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    Conversation, ConversationErrorKind as Kind, ConversationStatus, Externalization,
    ManagerConfig, Message, MessageStatus, OnStorageError, Owner, Part, Response, Role, StateStore,
    TurnStatus, Window,
};
use media_storage::{InMemoryStorage, MediaStorageExt, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage, Gate};
use media_types::Mime;

use crate::support::{KIB, Rig, history, image_bytes, references};

const MIB: u64 = 1024 * 1024;

fn config() -> ManagerConfig {
    ManagerConfig::new().with_externalization(Externalization::Background)
}

fn painting(text: &str) -> ScriptedAnswer {
    ScriptedAnswer::new()
        .text(text)
        .media(Mime::IMAGE_PNG, image_bytes(7, 200 * KIB))
}

/// A manager whose first store of media waits at the gate.
fn held(config: ManagerConfig, answers: Vec<ScriptedAnswer>) -> (Rig, Gate) {
    let gate = Gate::new();
    let inner = InMemoryStorage::new();
    let store =
        FaultyStorage::new(inner.clone()).with_fault(Fault::nth(Call::Store, 1).hold(&gate));
    let provider = answers
        .into_iter()
        .fold(ScriptedProvider::new(), ScriptedProvider::with_answer);
    let mut rig = Rig::with(provider, |builder| {
        builder.with_config(config).with_media_storage(store)
    });
    rig.store = inner;
    (rig, gate)
}

async fn read(conversation: &Conversation, response: &Response) -> Vec<u8> {
    let media = response.media()[0].clone();
    let opened = conversation.open_media(&media).await.unwrap();
    opened.body.bytes(MIB).await.unwrap().to_vec()
}

async fn last_status(rig: &Rig, conversation: &Conversation) -> TurnStatus {
    let window = Window::NewestTurns(1).into();
    let loaded = rig.state.load(conversation.id(), window).await.unwrap();
    loaded.unwrap().turns.last().unwrap().status
}

async fn is_deleting(rig: &Rig, conversation: &Conversation) -> bool {
    let window = Window::MetadataOnly.into();
    let loaded = rig.state.load(conversation.id(), window).await.unwrap();
    loaded.is_none_or(|loaded| loaded.record.status == ConversationStatus::Deleting)
}

#[tokio::test]
async fn the_answer_comes_before_its_media_is_stored_and_the_next_turn_after() {
    let next = ScriptedAnswer::new().text("a second");
    let (rig, gate) = held(config(), vec![painting("a cat"), next]);
    let mut conversation = rig.start().await;
    let response = conversation.send("paint").await.unwrap();
    assert!(response.is_storing());
    assert_eq!(response.status(), TurnStatus::Complete);
    assert_eq!(serde_json::to_value(&response).unwrap()["is_storing"], true);
    assert_eq!(
        read(&conversation, &response).await,
        image_bytes(7, 200 * KIB)
    );

    // The state has the text, and names no media.
    gate.arrived().await;
    assert_eq!(last_status(&rig, &conversation).await, TurnStatus::Running);
    let messages = conversation.messages(Window::All).await.unwrap();
    assert_eq!(messages[1].text(), "a cat");
    assert_eq!(messages[1].status, MessageStatus::Partial);
    assert!(references(&messages).is_empty());

    let mut other = conversation.clone();
    let next = tokio::spawn(async move { other.send("and now?").await });
    tokio::task::yield_now().await;
    assert_eq!(rig.provider.request_count(), 1, "the next turn waits");
    gate.open();
    let answered = next.await.unwrap().unwrap();
    assert_eq!(answered.text(), "a second");
    assert!(!answered.is_storing());
    let texts: Vec<String> = history(&conversation)
        .await
        .into_iter()
        .map(|m| m.1)
        .collect();
    assert_eq!(texts, ["paint", "a cat", "and now?", "a second"]);
    let messages = conversation.messages(Window::All).await.unwrap();
    assert_eq!(messages[1].status, MessageStatus::Complete);
    let named = references(&messages);
    assert_eq!(named, rig.stored().await);
    let bytes = rig.store.retrieve_bytes(&named[0], MIB).await.unwrap();
    assert_eq!(bytes, image_bytes(7, 200 * KIB));
    // The image went to the model in the turn after it.
    let sent = &rig.provider.requests()[1].messages;
    assert_eq!(sent.iter().flat_map(Message::media).count(), 1);
    // What the response names is readable as long as it is held.
    assert_eq!(
        read(&conversation, &response).await,
        image_bytes(7, 200 * KIB)
    );
    let media = response.media()[0].clone();
    drop(response);
    assert!(conversation.open_media(&media).await.is_err());
}

#[tokio::test]
async fn a_flush_waits_and_tells_what_was_not_kept() {
    let (rig, gate) = held(config(), vec![painting("a cat")]);
    let mut conversation = rig.start().await;
    conversation.send("paint").await.unwrap();
    gate.arrived().await;
    let mut flushing = Box::pin(conversation.flush());
    tokio::select! {
        biased;
        _ = &mut flushing => panic!("nothing is stored yet"),
        () = std::future::ready(()) => {}
    }
    gate.open();
    flushing.await.unwrap();
    assert_eq!(last_status(&rig, &conversation).await, TurnStatus::Complete);
    assert_eq!(rig.stored().await.len(), 1);
    let finished = "turn_finished".to_owned();
    assert!(rig.event_names().contains(&finished));

    let store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::every(Call::Store).fail(StorageErrorKind::DiskSpace));
    let config = config().with_on_storage_error(OnStorageError::FailTurn);
    let provider = ScriptedProvider::new().with_answer(painting("a dog"));
    let rig = Rig::with(provider, |builder| {
        builder.with_config(config).with_media_storage(store)
    });
    let mut conversation = rig.start().await;
    assert!(conversation.send("paint").await.unwrap().is_storing());
    let error = rig.manager.flush().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert_eq!(error.kept().unwrap().text(), "a dog");
    conversation.flush().await.unwrap();
    assert_eq!(
        last_status(&rig, &conversation).await,
        TurnStatus::Interrupted
    );
    let messages = conversation.messages(Window::All).await.unwrap();
    let is_omitted = |part: &Part| matches!(part, Part::Omitted(_));
    assert!(messages[1].content.iter().any(is_omitted));
    assert!(references(&messages).is_empty());
}

#[tokio::test]
async fn answers_without_media_are_in_the_state_when_they_are_returned() {
    let answer = ScriptedAnswer::new().text("words");
    let (rig, _gate) = held(config(), vec![answer]);
    let mut conversation = rig.start().await;
    let response = conversation.send("say").await.unwrap();
    assert!(!response.is_storing());
    assert!(
        serde_json::to_value(&response)
            .unwrap()
            .get("is_storing")
            .is_none()
    );
    assert_eq!(last_status(&rig, &conversation).await, TurnStatus::Complete);
}

#[tokio::test]
async fn a_shutdown_waits_for_what_is_being_stored() {
    let (rig, gate) = held(config(), vec![painting("a cat")]);
    let mut conversation = rig.start().await;
    conversation.send("paint").await.unwrap();
    gate.arrived().await;
    let manager = rig.manager.clone();
    let closing = tokio::spawn(async move { manager.shutdown(Duration::from_secs(60)).await });
    gate.open();
    closing.await.unwrap().unwrap();
    assert_eq!(last_status(&rig, &conversation).await, TurnStatus::Complete);
    assert_eq!(rig.stored().await.len(), 1);
}

#[tokio::test]
async fn a_conversation_that_is_deleted_meanwhile_leaves_nothing() {
    let (rig, gate) = held(config(), vec![painting("a cat")]);
    let mut conversation = rig.start().await;
    conversation.send("paint").await.unwrap();
    gate.arrived().await;
    let (manager, id) = (rig.manager.clone(), conversation.id().clone());
    let deleting =
        tokio::spawn(async move { manager.delete_conversation(&id, Owner::any()).await });
    while !is_deleting(&rig, &conversation).await {
        tokio::task::yield_now().await;
    }
    gate.open();
    assert!(deleting.await.unwrap().unwrap().is_complete());
    let error = conversation.flush().await.unwrap_err();
    assert!(
        matches!(error.kind(), Kind::NotFound | Kind::LeaseLost),
        "{error}"
    );
    assert!(rig.stored().await.is_empty());
}

#[cfg(feature = "sqlite")]
mod killed {
    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::{Command, Stdio};

    use conversation_sdk::{
        ConversationManager, LeaseTimes, Owner, ReconcileOptions, SqliteStateStore, Start,
        TurnOptions,
    };
    use media_storage::{MediaStorage, Scope};
    use media_store_fs::FileStore;

    use super::*;

    const DIRECTORY: &str = "BACKGROUND_TEST_DIRECTORY";
    const LEASE: Duration = Duration::from_secs(2);

    async fn manager(directory: &Path, gate: &Gate, answer: ScriptedAnswer) -> ConversationManager {
        let files = FileStore::open(directory.join("media")).await.unwrap();
        let store = FaultyStorage::new(files).with_fault(Fault::nth(Call::Store, 1).hold(gate));
        let state = SqliteStateStore::open(directory.join("state.db")).await;
        ConversationManager::builder()
            .with_provider(ScriptedProvider::new().with_answer(answer))
            .with_media_storage(store)
            .with_state_store(state.unwrap())
            .with_config(config().with_lease_times(LeaseTimes::with_ttl(LEASE)))
            .build()
            .unwrap()
    }

    /// The process that is killed; without a directory there is nothing to do.
    #[tokio::test]
    async fn process() {
        let Some(directory) = std::env::var_os(DIRECTORY) else {
            return;
        };
        let gate = Gate::new();
        let manager = manager(Path::new(&directory), &gate, painting("a cat")).await;
        let start = Start::new().with_conversation_id("killed");
        let mut conversation = manager.start(start).await.unwrap();
        let response = conversation.send("paint").await.unwrap();
        assert!(response.is_storing());
        gate.arrived().await;
        println!("\nreturned: {}", response.text());
        std::future::pending::<()>().await;
    }

    #[tokio::test]
    async fn a_process_that_ends_before_loses_the_media_and_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "background::killed::process", "--nocapture"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map(Result::unwrap);
        assert!(lines.any(|line| line == "returned: a cat"));
        child.kill().unwrap();
        child.wait().unwrap();

        let open = Gate::new();
        open.open();
        let answer = ScriptedAnswer::new().text("again");
        let manager = manager(directory.path(), &open, answer).await;
        let id = "killed".parse().unwrap();
        let mut conversation = manager.resume(&id, Owner::any()).await.unwrap();
        // The lease of the process that is gone is waited for.
        let options = TurnOptions::new().with_wait(LEASE * 60);
        conversation.send_with("hello?", options).await.unwrap();
        let view = conversation.messages(Window::All).await.unwrap();
        let texts: Vec<(Role, String)> = view.iter().map(|m| (m.role, m.text())).collect();
        assert_eq!(texts[1], (Role::Assistant, "a cat".to_owned()));
        assert_eq!(texts[3].1, "again");
        assert_eq!(view[1].status, MessageStatus::Partial);
        assert!(matches!(view[1].content[1], Part::Omitted(_)));
        assert!(
            references(&view).is_empty(),
            "no reference to media that is not there"
        );
        let state = SqliteStateStore::open(directory.path().join("state.db"));
        let window = Window::NewestTurns(2).into();
        let loaded = state
            .await
            .unwrap()
            .load(&id, window)
            .await
            .unwrap()
            .unwrap();
        let statuses: Vec<TurnStatus> = loaded.turns.iter().map(|turn| turn.status).collect();
        assert_eq!(statuses, [TurnStatus::Interrupted, TurnStatus::Complete]);
        let options = ReconcileOptions::new().with_grace(Duration::ZERO);
        manager.reconcile(options).await.unwrap();
        let files = FileStore::open(directory.path().join("media"))
            .await
            .unwrap();
        let usage = files.inventory().unwrap().usage(Scope::All).await.unwrap();
        assert_eq!(usage.references, 0);
    }
}
