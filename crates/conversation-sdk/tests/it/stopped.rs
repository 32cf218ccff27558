//! Stops and lost slots while the media of a message is stored.

use std::time::Duration;

use async_trait::async_trait;
use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::state::{InMemoryStateStore, StateError, StateStore, forward_state};
use conversation_sdk::{
    Conversation, ConversationErrorKind as Kind, LeaseTimes, ManagerConfig, Message, Owner, Part,
    TurnEvents, Upload, Window,
};
use media_storage::{InMemoryStorage, MediaBody};
use media_types::Mime;

use crate::cut::{Cut, CutStorage};
use crate::support::{KIB, Rig, image};

fn answer() -> ScriptedProvider {
    ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("ok"))
}

fn rig_with(cut: &Cut) -> Rig {
    Rig::with(answer(), |builder| {
        let (inner, cut) = (InMemoryStorage::new(), cut.clone());
        builder.with_media_storage(CutStorage { inner, cut })
    })
}

/// Sends a message of which the media store answers only so many halves of calls, and cancels its turn.
async fn cancelled(
    rig: &Rig,
    cut: &Cut,
    answered: u64,
    content: Vec<Part>,
) -> (Conversation, TurnEvents) {
    let mut conversation = rig.start().await;
    cut.after(answered);
    let events = conversation.stream(content);
    cut.reached().await;
    let (id, turn) = (conversation.id().clone(), events.turn().clone());
    let stopped = rig.manager.cancel_turn(&id, Owner::any(), &turn);
    stopped.await.unwrap();
    (conversation, events)
}

#[tokio::test]
async fn a_turn_whose_media_is_never_stored_is_stopped_soon_and_gives_its_message_back() {
    for is_upload in [false, true] {
        let cut = Cut::never();
        let rig = rig_with(&cut);
        let mut content: Vec<Part> = vec!["look".into()];
        let mut answered = 0;
        if is_upload {
            for byte in [7, 8] {
                let body = MediaBody::from_bytes(vec![byte; 200 * KIB]);
                let upload = Upload::new(Mime::IMAGE_PNG, body);
                let media = rig.manager.upload(Owner::user("u1"), upload).await.unwrap();
                content.push(media.into());
            }
            // The first is copied, and cannot be taken back.
            answered = 2;
        } else {
            content.push(image(1, 200 * KIB).into());
        }
        let (_conversation, events) = cancelled(&rig, &cut, answered, content).await;
        let error = events.response().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled);
        assert_eq!(error.unsent().unwrap().text(), "look");
        assert!(error.kept().is_none());
        assert_eq!(rig.provider.request_count(), 0);
    }
}

#[tokio::test]
async fn a_message_whose_media_is_stored_soon_after_a_stop_is_kept() {
    let cut = Cut::never();
    let rig = rig_with(&cut);
    let content = vec!["look".into(), image(1, 200 * KIB).into()];
    let (_conversation, events) = cancelled(&rig, &cut, 0, content).await;
    cut.mend();
    let error = events.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert!(error.unsent().is_none());
    let kept = error.kept().unwrap();
    assert_eq!(kept.messages()[0].text(), "look");
    assert_eq!(rig.provider.request_count(), 0);
}

/// A state store that renews no lease of work.
#[derive(Debug)]
struct Losing(InMemoryStateStore, std::sync::Mutex<Vec<String>>);

#[async_trait]
impl StateStore for Losing {
    forward_state!(
        self => self.0;
        info, limits, durability, now, create, load, find_message, apply, list, tombstone, purge, fence_user,
        user_fence, lift_fence, release_lease, references, referenced_by, observe_unnamed, forget_unnamed,
    );

    async fn acquire_lease(
        &self,
        name: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<bool, StateError> {
        let is_renewal = {
            let mut owners = self.1.lock().unwrap();
            let is_known = owners.iter().any(|known| known == owner);
            owners.push(owner.to_owned());
            is_known
        };
        match is_renewal {
            true => Ok(false),
            false => self.0.acquire_lease(name, owner, ttl).await,
        }
    }
}

#[tokio::test]
async fn what_stores_media_ends_when_its_slot_is_lost_and_writes_nothing() {
    for appends in [false, true] {
        let cut = Cut::never();
        let storage = InMemoryStorage::new();
        let rig = Rig::with(answer(), |builder| {
            let times = LeaseTimes::with_ttl(Duration::from_millis(800));
            let (inner, cut) = (storage.clone(), cut.clone());
            builder
                .with_state_store(Losing(InMemoryStateStore::new(), Default::default()))
                .with_media_storage(CutStorage { inner, cut })
                .with_config(ManagerConfig::new().with_lease_times(times))
        });
        let mut conversation = rig.start().await;
        // It stores, and is never heard of again.
        cut.after(1);
        let content: Vec<Part> = vec!["look".into(), image(1, 200 * KIB).into()];
        let error = match appends {
            true => {
                let appended = conversation.append([Message::user(content)]).await;
                appended.map(drop).unwrap_err()
            }
            false => {
                let error = conversation.send(content).await.unwrap_err();
                assert_eq!(error.unsent().unwrap().text(), "look");
                error
            }
        };
        assert_eq!(error.kind(), Kind::LeaseLost, "{error:?}");
        assert_eq!(rig.provider.request_count(), 0);
        let view = rig.manager.resume(conversation.id(), Owner::any()).await;
        assert!(
            view.unwrap()
                .messages(Window::All)
                .await
                .unwrap()
                .is_empty()
        );
    }
}
