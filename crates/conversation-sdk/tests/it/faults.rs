//! State stores that fail, lose answers, and apply writes late or twice.

use std::collections::HashSet;
use std::time::Duration;

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::state::conformance::{Fault, FaultyState, Operation};
use conversation_sdk::{
    ConversationErrorKind as Kind, ConversationManager, InMemoryStateStore, ManagerConfig, Owner,
    StateStore, Window,
};
use futures_util::TryStreamExt;
use media_storage::{InMemoryStorage, MediaStorage, MediaStorageExt, Scope};
use media_types::Mime;

use crate::support::{KIB, image, image_bytes};
use crate::tools::Obedient;

struct Faulty {
    manager: ConversationManager,
    provider: ScriptedProvider,
    state: FaultyState<InMemoryStateStore>,
    store: InMemoryStorage,
}

/// A turn with media in, a tool that makes media, and media out: five writes.
fn rig() -> Faulty {
    let call = r#"{"do":"paint"}"#;
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().tool_call("c1", "obey", call))
        .with_answer(
            ScriptedAnswer::new()
                .text("Done.")
                .media(Mime::IMAGE_PNG, image_bytes(9, 200 * KIB)),
        );
    let state = FaultyState::new(InMemoryStateStore::new()).with_yields(1);
    let store = InMemoryStorage::new();
    let config = ManagerConfig::new().with_state_retry_time(Duration::from_secs(1));
    let manager = ConversationManager::builder()
        .with_provider(provider.clone())
        .with_media_storage(store.clone())
        .with_state_store(state.clone())
        .with_tool(Obedient::default())
        .with_config(config)
        .build()
        .unwrap();
    Faulty {
        manager,
        provider,
        state,
        store,
    }
}

impl Faulty {
    /// Returns how many references the state names, after checking that each can be read, and how
    /// many more the store has.
    async fn judge(&self, id: &media_types::ConversationId) -> (usize, usize) {
        let loaded = self.state.inner().load(id, Window::All.into()).await;
        let loaded = loaded.unwrap().unwrap();
        let mut named = HashSet::new();
        for stored in &loaded.messages {
            for reference in stored.message.media().filter_map(|media| media.reference()) {
                assert_eq!(reference.backend(), "memory");
                let read = self.store.retrieve_bytes(reference, 1 << 20).await;
                assert!(read.is_ok(), "dangling reference: {read:?}");
                named.insert(reference.id().to_owned());
            }
        }
        let inventory = self.store.inventory().unwrap();
        let entries: Vec<_> = inventory.list(Scope::All).try_collect().await.unwrap();
        (named.len(), entries.len() - named.len())
    }
}

const WRITES: usize = 4;

#[tokio::test(start_paused = true)]
async fn one_unclear_write_is_cleared_up_without_a_trace() {
    let mut judged = 0;
    for fault in [Fault::Before, Fault::LostAnswer, Fault::Late, Fault::Twice] {
        for nth in 0..WRITES {
            let rig = rig();
            let mut conversation = rig.manager.start(Default::default()).await.unwrap();
            for _ in 0..nth {
                rig.state.inject(Operation::Apply, Fault::Twice);
            }
            rig.state.inject(Operation::Apply, fault);
            let photo = image(3, 150 * KIB);
            let sent = conversation.send_with_media("Look", [photo]).await;
            let response = sent.unwrap_or_else(|error| panic!("{fault:?} at {nth}: {error:?}"));
            assert_eq!(response.text(), "Done.");
            // What the network still holds arrives now, and changes nothing.
            rig.state.release_late().await;
            assert_eq!(
                rig.judge(conversation.id()).await,
                (3, 0),
                "{fault:?} at {nth}"
            );
            assert_eq!(rig.provider.request_count(), 2);
            judged += 1;
        }
    }
    assert_eq!(judged, 4 * WRITES);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_lost_answer_leaves_no_dangling_reference() {
    for nth in 0..WRITES {
        let rig = rig();
        let mut conversation = rig.manager.start(Default::default()).await.unwrap();
        for _ in 0..nth {
            rig.state.inject(Operation::Apply, Fault::Twice);
        }
        rig.state.inject(Operation::Apply, Fault::LostAnswer);
        rig.state.inject_lasting(Operation::Apply, Fault::Refused);
        let photo = image(3, 150 * KIB);
        let sent = conversation.send_with_media("Look", [photo]).await;
        let kind = sent.unwrap_err().kind();
        assert_eq!(kind, Kind::StateOutcomeUnknown, "at {nth}");
        rig.judge(conversation.id()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn writes_that_stay_unclear_leave_no_dangling_reference() {
    let mut unclear = 0;
    for fault in [Fault::Before, Fault::LostAnswer, Fault::Late] {
        for nth in 0..WRITES {
            let rig = rig();
            let mut conversation = rig.manager.start(Default::default()).await.unwrap();
            for _ in 0..nth {
                rig.state.inject(Operation::Apply, Fault::Twice);
            }
            rig.state.inject_lasting(Operation::Apply, fault);
            let photo = image(3, 150 * KIB);
            let sent = conversation.send_with_media("Look", [photo]).await;
            let error = sent.unwrap_err();
            assert_eq!(
                error.kind(),
                Kind::StateOutcomeUnknown,
                "{fault:?} at {nth}"
            );
            rig.state.heal();
            rig.state.release_late().await;
            rig.judge(conversation.id()).await;
            unclear += 1;
            // Once the lease is over, the conversation goes on.
            tokio::time::advance(Duration::from_secs(120)).await;
            rig.provider.push(ScriptedAnswer::new().text("Again."));
            let owner = Owner::any();
            let mut again = rig.manager.resume(conversation.id(), owner).await.unwrap();
            let options = conversation_sdk::TurnOptions::new().with_wait(Duration::from_secs(90));
            let next = again.send_with("Still there?", options).await;
            // In paused time the store's own clock stands still, so a turn whose beginning did
            // arrive holds its lease.
            if let Err(error) = next {
                assert_eq!(error.kind(), Kind::Busy, "{fault:?} at {nth}: {error:?}");
            }
        }
    }
    assert_eq!(unclear, 3 * WRITES);
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_takes_its_media_back() {
    let rig = rig();
    let mut conversation = rig.manager.start(Default::default()).await.unwrap();
    let mut other = conversation.clone();
    // Of two writers one is told; neither pays twice.
    let photo = image(3, 150 * KIB);
    let (first, second) = tokio::join!(
        conversation.send_with_media("One", [photo.clone()]),
        other.send_with_media("Two", [photo]),
    );
    let (won, lost): (Vec<_>, Vec<_>) = [first, second].into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 1));
    let kind = lost[0].as_ref().unwrap_err().kind();
    assert!(matches!(kind, Kind::Conflict | Kind::Busy), "{kind:?}");
    assert_eq!(rig.judge(conversation.id()).await, (3, 0));
}
