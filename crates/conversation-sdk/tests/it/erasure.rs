//! Erasing users.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    Admission, AdmissionRequest, ConversationError, ConversationErrorKind as Kind, DeletionStatus,
    LeaseTimes, ManagerConfig, Message, Middleware, Obstacle, Owner, Settlement, Start, StateStore,
    TurnEvent, Upload,
};
use media_storage::{InMemoryStorage, MediaBody, MediaMetadata, MediaStorageExt, StorageError};
use media_types::{Mime, UserId};
use tokio::sync::Notify;

use crate::cut::{Cut, CutStorage, HOUR, MovedClock};
use crate::support::{KIB, Rig, first_text, image, image_bytes};

fn answers(count: usize) -> ScriptedProvider {
    (0..count).fold(ScriptedProvider::new(), |provider, _| {
        provider.with_answer(ScriptedAnswer::new().text("ok"))
    })
}

#[tokio::test]
async fn everything_of_a_user_goes_and_nothing_of_others() {
    let rig = Rig::new(answers(4));
    for user in ["u1", "u1", "u2"] {
        let mut conversation = rig
            .manager
            .start(Start::new().with_user(user))
            .await
            .unwrap();
        let image = image(3, 200 * KIB);
        conversation.send_with_media("look", [image]).await.unwrap();
    }
    let user: UserId = "u1".parse().unwrap();
    let upload = MediaMetadata::new().with_user(user.clone());
    rig.store
        .store_bytes(Mime::IMAGE_PNG, "upload", upload)
        .await
        .unwrap();
    let receipt = rig.manager.erase_user(&user).await.unwrap();
    assert_eq!(receipt.status, DeletionStatus::Complete, "{receipt:?}");
    assert!(receipt.completed_at.is_some());
    assert_eq!(
        (receipt.conversations, receipt.places[0].references),
        (2, 3)
    );
    assert_eq!(receipt.providers.len(), 1);
    assert!(!receipt.user_hash.contains("u1") && receipt.user_hash.len() == 64);
    assert_eq!(rig.stored().await.len(), 1);
    assert_eq!(rig.manager.conversations("u1").await.unwrap().len(), 0);
    assert_eq!(rig.manager.conversations("u2").await.unwrap().len(), 1);
    let json = serde_json::to_string(&receipt).unwrap();
    assert_eq!(
        serde_json::from_str::<conversation_sdk::ErasureReceipt>(&json).unwrap(),
        receipt
    );

    let error = rig
        .manager
        .start(Start::new().with_user("u1"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    rig.manager.lift_erasure(&user).await.unwrap();
    let mut again = rig
        .manager
        .start(Start::new().with_user("u1"))
        .await
        .unwrap();
    again.send("hello").await.unwrap();
}

#[tokio::test]
async fn running_turns_of_the_user_end() {
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
        .erase_user(&"u1".parse().unwrap())
        .await
        .unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    gate.open();
    assert_eq!(events.response().await.unwrap_err().kind(), Kind::NotFound);
    assert!(rig.stored().await.is_empty());
}

#[tokio::test]
async fn the_fence_is_read_before_media_of_answers_and_tools_is_stored() {
    let user: UserId = "u1".parse().unwrap();
    for has_media in [true, false] {
        let gate = Gate::new();
        let answer = ScriptedAnswer::new().text("one").gate(&gate);
        let answer = match has_media {
            true => answer.media(Mime::IMAGE_PNG, image_bytes(1, 200 * KIB)),
            false => answer.text(" two"),
        };
        let rig = Rig::new(ScriptedProvider::new().with_answer(answer));
        let receipt = rig.manager.erase_user(&user).await.unwrap();
        rig.manager.lift_erasure(&user).await.unwrap();
        let mut conversation = rig.start().await;
        let mut events = conversation.stream("draw");
        first_text(&mut events).await;
        // The lease is not renewed for long after this.
        rig.state
            .fence_user(&bytes_of(&receipt.user_hash), HOUR)
            .await
            .unwrap();
        gate.open();
        let ended = events.response().await;
        match has_media {
            true => assert_eq!(ended.unwrap_err().kind(), Kind::NotFound),
            // Nothing is stored, and no fence is looked at.
            false => assert_eq!(ended.unwrap().text(), "one two"),
        }
        assert!(rig.stored().await.is_empty());
    }
}

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[tokio::test]
async fn leases_of_dead_nodes_are_waited_for() {
    let clock = MovedClock::default();
    let (state, store) = (clock.state(), InMemoryStorage::new());
    let config =
        ManagerConfig::new().with_lease_times(LeaseTimes::with_ttl(Duration::from_secs(2)));
    let runtime = crate::support::node_runtime();
    let answer = ScriptedAnswer::new().text("lost").hang();
    let provider = ScriptedProvider::new().with_answer(answer);
    let dead = Rig::on(provider, state.clone(), store.clone(), |builder| {
        builder
            .with_runtime(runtime.handle().clone())
            .with_config(config.clone())
    });
    let mut conversation = dead.start().await;
    let mut events = conversation.stream(vec![image(1, 200 * KIB).into()]);
    while !matches!(
        events.next().await.unwrap().unwrap(),
        TurnEvent::TextDelta(_)
    ) {}
    // An upload of which nothing more comes.
    let (first, rest) = tokio::sync::oneshot::channel();
    let mut first = Some(first);
    let body = futures_util::stream::poll_fn(move |_| {
        first.take().map(|first| first.send(()));
        std::task::Poll::<Option<Result<bytes::Bytes, StorageError>>>::Pending
    });
    let upload = Upload::new(Mime::IMAGE_PNG, MediaBody::from_stream(None, body));
    let uploading = dead.manager.upload(Owner::user("u1"), upload);
    tokio::select! {
        _ = uploading => panic!("nothing more comes"),
        _ = rest => {}
    }
    crate::support::kill_node(runtime).await;
    let rig = Rig::on(answers(0), state, store, |builder| {
        builder.with_config(config)
    });
    let receipt = rig
        .manager
        .erase_user(&"u1".parse().unwrap())
        .await
        .unwrap();
    assert!(receipt.is_complete(), "{receipt:?}");
    assert!(rig.stored().await.is_empty());
}

#[tokio::test]
async fn a_running_upload_is_waited_for() {
    let config =
        ManagerConfig::new().with_lease_times(LeaseTimes::with_ttl(Duration::from_millis(500)));
    let rig = Rig::with(answers(0), |builder| builder.with_config(config));
    let user: UserId = "u1".parse().unwrap();
    let receipt = rig.manager.erase_user(&user).await.unwrap();
    let name = format!("upload/{}/3", receipt.user_hash);
    let hour = Duration::from_secs(3600);
    assert!(
        rig.state
            .acquire_lease(&name, "another node", hour)
            .await
            .unwrap()
    );
    let receipt = rig.manager.erase_user(&user).await.unwrap();
    assert_eq!(receipt.status, DeletionStatus::InProgress);
    assert_eq!(receipt.obstacles, [Obstacle::UploadRunning]);
    rig.state
        .release_lease(&name, "another node")
        .await
        .unwrap();
    assert!(rig.manager.erase_user(&user).await.unwrap().is_complete());
}

#[tokio::test]
async fn media_of_a_message_whose_turn_has_not_begun_is_waited_for() {
    let cut = Cut::never();
    let lease = LeaseTimes::with_ttl(Duration::from_millis(500));
    let config = ManagerConfig::new().with_lease_times(lease);
    let rig = Rig::with(answers(0), |builder| builder.with_config(config.clone()));
    let node = Rig::on(
        answers(1),
        rig.state.clone(),
        rig.store.clone(),
        |builder| {
            let (inner, cut) = (rig.store.clone(), cut.clone());
            builder
                .with_config(config)
                .with_media_storage(CutStorage { inner, cut })
        },
    );
    let mut conversation = node.start().await;
    // Its media is in the store, and the state does not name it.
    cut.after(1);
    let events = conversation.stream(vec![image(1, 200 * KIB).into()]);
    cut.reached().await;
    assert_eq!(rig.stored().await.len(), 1);
    let user: UserId = "u1".parse().unwrap();
    let receipt = rig.manager.erase_user(&user).await.unwrap();
    assert_eq!(receipt.status, DeletionStatus::InProgress);
    assert_eq!(receipt.obstacles, [Obstacle::UploadRunning]);
    drop((events, conversation, node));
}

/// Code of the application that takes as long as a test says.
#[derive(Clone, Debug, Default)]
struct Slow {
    entered: Arc<Notify>,
    left: Arc<Notify>,
}

impl Slow {
    async fn pass(&self) {
        self.entered.notify_one();
        self.left.notified().await;
    }
}

#[async_trait]
impl Admission for Slow {
    async fn admit(&self, _: &AdmissionRequest) -> Result<(), String> {
        self.pass().await;
        Ok(())
    }

    async fn settle(&self, _: &AdmissionRequest, _: Settlement) {}
}

#[async_trait]
impl Middleware for Slow {
    async fn before_save(&self, _: &mut Vec<Message>) -> Result<(), ConversationError> {
        self.pass().await;
        Ok(())
    }
}

#[tokio::test]
async fn code_of_the_application_holds_up_no_erasure_and_its_message_stores_nothing_then() {
    for (is_hook, appends) in [(true, false), (false, false), (false, true)] {
        let slow = Slow::default();
        let code = slow.clone();
        let rig = Rig::with(answers(1), |builder| match is_hook {
            true => builder.with_admission(code),
            false => builder.with_middleware(code),
        });
        let mut conversation = rig.start().await;
        let message = Message::user(vec![image(1, 200 * KIB).into()]);
        let sent = tokio::spawn(async move {
            match appends {
                true => conversation.append([message]).await.map(drop),
                false => conversation.send(message.content).await.map(drop),
            }
        });
        slow.entered.notified().await;
        let user: UserId = "u1".parse().unwrap();
        let receipt = rig.beside().manager.erase_user(&user).await.unwrap();
        assert!(receipt.is_complete(), "{receipt:?}");
        slow.left.notify_one();
        let error = sent.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{error:?}");
        assert!(rig.stored().await.is_empty());
        assert_eq!(rig.provider.request_count(), 0);
    }
}
