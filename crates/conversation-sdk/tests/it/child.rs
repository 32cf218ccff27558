//! Conversations that are started for another one.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use conversation_providers::testing::{ScriptedAnswer, ScriptedProvider};
use conversation_sdk::{
    ConversationErrorKind as Kind, ConversationManager, LeaseTimes, ManagerConfig, OmissionReason,
    Owner, Part, Role, Start, StateStore, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput,
    TurnEvent, Window,
};
use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
use media_types::{MediaContent, Mime, StorageReference};

use crate::cut::{Cut, CutState, CutStorage, HOUR, MovedClock};
use crate::support::{KIB, Rig, image, image_bytes, references};

fn answers(count: usize) -> ScriptedProvider {
    (0..count).fold(ScriptedProvider::new(), |provider, _| {
        provider.with_answer(ScriptedAnswer::new().text("ok"))
    })
}

#[tokio::test]
async fn a_child_belongs_to_its_parent_and_goes_with_it() {
    let rig = Rig::new(answers(3));
    let mut parent = rig.start().await;
    let response = parent
        .send_with_media("look", [image(1, 200 * KIB)])
        .await
        .unwrap();
    let media = response.messages()[0].media().next().unwrap().clone();
    let mut child = parent
        .child(Start::new().with_user("somebody else"))
        .await
        .unwrap();
    let grandchild = child.child(Start::new()).await.unwrap();
    assert_eq!(child.user(), parent.user());
    assert_eq!(child.session(), parent.session());
    assert_eq!(
        child.record().await.unwrap().parent.as_ref(),
        Some(parent.id())
    );
    assert_eq!(
        parent.record().await.unwrap().children,
        [child.id().clone()]
    );

    // Media of the parent is duplicated into it.
    child
        .send_with_media("what is this?", [media.clone()])
        .await
        .unwrap();
    let given = references(&child.messages(Window::All).await.unwrap());
    assert_ne!(given.first(), media.reference());
    assert_eq!(rig.stored().await.len(), 2);

    let receipt = rig
        .manager
        .delete_conversation(parent.id(), Owner::any())
        .await
        .unwrap();
    assert!(receipt.is_complete());
    assert_eq!(receipt.conversations, 3);
    assert!(rig.stored().await.is_empty());
    for id in [parent.id(), child.id(), grandchild.id()] {
        assert!(
            rig.state
                .load(id, Window::All.into())
                .await
                .unwrap()
                .is_none()
        );
    }
    let error = parent.child(Start::new()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
}

#[tokio::test]
async fn a_child_without_a_user_gets_media_of_its_parent_and_of_no_other() {
    let rig = Rig::new(answers(4));
    let mut parent = rig.manager.start(Start::new()).await.unwrap();
    let mut stranger = rig.manager.start(Start::new()).await.unwrap();
    let mut child = parent.child(Start::new()).await.unwrap();
    let mut media = Vec::new();
    for conversation in [&mut parent, &mut stranger] {
        let response = conversation
            .send_with_media("look", [image(1, 200 * KIB)])
            .await
            .unwrap();
        media.push(response.messages()[0].media().next().unwrap().clone());
    }
    let error = child
        .send_with_media("?", [media.remove(1)])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Media);
    child.send_with_media("?", [media.remove(0)]).await.unwrap();
}

/// A tool that answers with the image of a child, and with media of somebody else.
#[derive(Clone, Debug, Default)]
struct Asking {
    rig: Arc<OnceLock<(ConversationManager, StorageReference)>>,
}

#[async_trait::async_trait]
impl Tool for Asking {
    fn definition(&self) -> ToolDefinition {
        let parameters = serde_json::json!({"type": "object"});
        ToolDefinition::new("ask", "Asks a child.", parameters)
    }

    async fn call(
        &self,
        _: serde_json::Value,
        context: &ToolContext,
    ) -> Result<ToolOutput, ToolError> {
        let (manager, theirs) = self.rig.get().unwrap();
        let parent = context.conversation().unwrap();
        let parent = manager.resume(parent, Owner::any()).await.unwrap();
        let mut child = parent.child(Start::new()).await.unwrap();
        let made = child.send_with_media("draw", [image(7, 150 * KIB)]).await;
        let made = made.unwrap().messages()[0].media().next().unwrap().clone();
        let theirs = MediaContent::from_reference(Mime::IMAGE_PNG, theirs.clone());
        Ok(ToolOutput::new(vec![
            "Here.".into(),
            made.into(),
            theirs.into(),
        ]))
    }
}

#[tokio::test]
async fn media_of_a_child_in_the_answer_of_a_tool_becomes_the_parents() {
    for user in [Some("u1"), None] {
        let provider = ScriptedProvider::new()
            .with_answer(ScriptedAnswer::new().tool_call("c1", "ask", "{}"))
            .with_answer(ScriptedAnswer::new().text("of the child"))
            .with_answer(ScriptedAnswer::new().text("done"));
        let tool = Asking::default();
        let rig = Rig::with(provider, |builder| builder.with_tool(tool.clone()));
        let of_another = MediaMetadata::new().with_conversation("conv-0".parse().unwrap());
        let of_another = of_another.with_user("u2".parse().unwrap());
        let theirs = rig
            .store
            .store_bytes(Mime::IMAGE_PNG, image_bytes(8, KIB), of_another);
        let theirs = theirs.await.unwrap();
        assert!(tool.rig.set((rig.manager.clone(), theirs)).is_ok());
        let start = Start::new();
        let start = user
            .into_iter()
            .fold(start, |start, user| start.with_user(user));
        let mut parent = rig.manager.start(start).await.unwrap();
        parent.send("Ask").await.unwrap();

        let messages = parent.messages(Window::All).await.unwrap();
        let result = messages.iter().find(|message| message.role == Role::Tool);
        let [Part::Text(_), Part::Media(copy), Part::Omitted(omitted)] =
            &result.unwrap().content[..]
        else {
            panic!("{result:?}")
        };
        assert_eq!(omitted.reason, OmissionReason::Unavailable);
        assert_eq!(omitted.reference, None);
        // The child goes, and its media with it.
        let child = parent.record().await.unwrap().children.remove(0);
        let deleted = rig.manager.delete_conversation(&child, Owner::any()).await;
        assert!(deleted.unwrap().is_complete());
        parent.open_media(copy).await.unwrap();
        let names = rig.event_names();
        assert!(
            !names.iter().any(|name| name == "media_missing"),
            "{names:?}"
        );
    }
}

#[tokio::test]
async fn a_deleted_child_is_no_longer_listed() {
    let rig = Rig::new(answers(0));
    let parent = rig.start().await;
    let child = parent.child(Start::new()).await.unwrap();
    rig.manager
        .delete_conversation(child.id(), Owner::any())
        .await
        .unwrap();
    assert!(parent.record().await.unwrap().children.is_empty());
}

/// The deletion of a family, cut anywhere, is finished by another node; nothing is left of any
/// member.
#[tokio::test]
async fn families_are_deleted_whole() {
    let mut cuts = 0;
    for halves in 0..500 {
        let (clock, cut) = (MovedClock::default(), Cut::never());
        let (state, store) = (clock.state(), InMemoryStorage::new());
        let rig = Rig::on(answers(2), state.clone(), store.clone(), |builder| {
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
        let mut parent = rig.start().await;
        let mut child = parent.child(Start::new()).await.unwrap();
        for conversation in [&mut parent, &mut child] {
            conversation
                .send_with_media("look", [image(1, 150 * KIB)])
                .await
                .unwrap();
        }
        cut.after(halves);
        let finished = tokio::select! {
            receipt = rig.manager.delete_conversation(parent.id(), Owner::any()) => Some(receipt.unwrap()),
            () = cut.reached() => None,
        };
        if let Some(receipt) = finished {
            assert!(receipt.is_complete());
            break;
        }
        cuts += 1;
        clock.forward(HOUR);
        let other = Rig::on(answers(0), state.clone(), store, |builder| builder);
        other.manager.finish_deletions().await.unwrap();
        for id in [parent.id(), child.id()] {
            let left = state.load(id, Window::All.into()).await.unwrap();
            assert!(left.is_none() || halves == 0, "after {halves} halves");
        }
        assert!(halves == 0 || other.stored().await.is_empty());
    }
    assert!(cuts > 20, "{cuts} cuts");
}

#[tokio::test]
async fn a_turn_of_a_child_ends_with_the_turn_that_it_was_started_in() {
    let hangs = || ScriptedAnswer::new().text("well").hang();
    let provider = ScriptedProvider::new()
        .with_answer(hangs())
        .with_answer(hangs())
        .with_answer(ScriptedAnswer::new().text("free"));
    let rig = Rig::new(provider);
    let mut parent = rig.start().await;
    let mut child = parent.child(Start::new()).await.unwrap();
    let mut of_parent = parent.stream("1");
    while !matches!(
        of_parent.next().await.unwrap().unwrap(),
        TurnEvent::TextDelta(_)
    ) {}
    let mut of_child = child.stream("2");
    while !matches!(
        of_child.next().await.unwrap().unwrap(),
        TurnEvent::TextDelta(_)
    ) {}
    drop(of_parent);
    let error = of_child.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    assert_eq!(child.send("3").await.unwrap().text(), "free");
}

#[tokio::test]
async fn a_turn_of_a_child_on_another_node_ends_with_the_turn_that_it_was_started_in() {
    let times = LeaseTimes::with_ttl(Duration::from_secs(2));
    let config = ManagerConfig::new().with_lease_times(times);
    let hangs = || ScriptedProvider::new().with_answer(ScriptedAnswer::new().text("well").hang());
    // The turn of the parent is cancelled; or the node of the parent is gone.
    for is_cancelled in [true, false] {
        let mut runtime = Some(crate::support::node_runtime());
        let handle = runtime.as_ref().unwrap().handle().clone();
        let rig = Rig::with(hangs(), |builder| {
            builder
                .with_config(config.clone())
                .with_runtime(handle.clone())
        });
        let provider = hangs().with_answer(ScriptedAnswer::new().text("free"));
        let other = Rig::on(provider, rig.state.clone(), rig.store.clone(), |builder| {
            builder.with_config(config.clone())
        });
        let mut parent = rig.start().await;
        let child = parent.child(Start::new()).await.unwrap();
        let mut of_parent = parent.stream("1");
        while !matches!(
            of_parent.next().await.unwrap().unwrap(),
            TurnEvent::TextDelta(_)
        ) {}
        let mut child = other
            .manager
            .resume(child.id(), Owner::any())
            .await
            .unwrap();
        let mut of_child = child.stream("2");
        while !matches!(
            of_child.next().await.unwrap().unwrap(),
            TurnEvent::TextDelta(_)
        ) {}
        match is_cancelled {
            true => drop(of_parent),
            false => crate::support::kill_node(runtime.take().unwrap()).await,
        }
        let error = of_child.response().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled);
        assert_eq!(error.kept().unwrap().text(), "well");
        assert_eq!(child.send("3").await.unwrap().text(), "free");
        if let Some(runtime) = runtime {
            crate::support::kill_node(runtime).await;
        }
    }
}
