//! Other attempts of the last turn.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_sdk::state::{ContextInclusion, LoadedConversation, StateError, forward_state};
use conversation_sdk::{
    Conversation, ConversationErrorKind as Kind, InMemoryStateStore, LeaseTimes, ManagerConfig,
    Message, Owner, ProviderErrorKind, RetryFrom, Role, StateStore, Tool, ToolContext,
    ToolDefinition, ToolError, ToolOutput, TurnOptions, TurnStatus, Window,
};
use conversation_state::LoadOptions;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Rig, first_text, history, take_over};

fn answers(texts: &[&str]) -> ScriptedProvider {
    texts
        .iter()
        .fold(ScriptedProvider::new(), |provider, text| {
            provider.with_answer(ScriptedAnswer::new().text(*text))
        })
}

async fn texts(conversation: &Conversation) -> Vec<String> {
    let history = history(conversation).await;
    history.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test]
async fn regenerating_answers_the_message_anew_and_keeps_the_old_answer_out_of_sight() {
    let rig = Rig::new(answers(&["one", "two", "three"]));
    let mut conversation = rig.start().await;
    conversation.send("1").await.unwrap();
    let turn = conversation.send("2").await.unwrap().turn().clone();
    let again = conversation.regenerate(&turn).response().await.unwrap();
    assert_eq!((again.turn(), again.text().as_str()), (&turn, "three"));
    assert_eq!(texts(&conversation).await, ["1", "one", "2", "three"]);
    let sent = rig.provider.requests().remove(2).messages;
    let sent: Vec<_> = sent.iter().map(Message::text).collect();
    assert_eq!(sent, ["1", "one", "2"]);
    let all = LoadOptions::new(Window::All).with_branches(true);
    let read = conversation.read(all).await.unwrap();
    let kept: Vec<_> = read.messages.iter().filter(|m| m.branch > 0).collect();
    assert_eq!((kept.len(), kept[0].message.text().as_str()), (1, "two"));
    assert_eq!(
        (read.turns[1].attempts, &read.turns[1].before_retry),
        (2, &None)
    );
}

/// A store that reads messages of users as those of another role, once it is damaged.
#[derive(Debug)]
struct Damaged {
    inner: InMemoryStateStore,
    role: Arc<Mutex<Option<Role>>>,
}

#[async_trait]
impl StateStore for Damaged {
    forward_state!(
        self => self.inner;
        info, limits, durability, now, create, find_message, apply, list, tombstone, purge, fence_user,
        user_fence, lift_fence, acquire_lease, release_lease, references, referenced_by,
        observe_unnamed, forget_unnamed,
    );

    async fn load(
        &self,
        id: &media_types::ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        let mut loaded = self.inner.load(id, options).await?;
        if let Some(role) = *self.role.lock().unwrap() {
            let messages = loaded.iter_mut().flat_map(|loaded| &mut loaded.messages);
            for stored in messages.filter(|stored| stored.message.role == Role::User) {
                stored.message.role = role;
            }
        }
        Ok(loaded)
    }
}

#[tokio::test]
async fn an_attempt_from_the_start_keeps_all_before_the_turn_whatever_its_first_message_is() {
    for (role, regenerates) in [
        (Role::Unknown, false),
        (Role::Unknown, true),
        (Role::Tool, false),
        (Role::Tool, true),
    ] {
        let (state, damage) = (InMemoryStateStore::new(), Arc::default());
        let damaged = Damaged {
            inner: state.clone(),
            role: Arc::clone(&damage),
        };
        let rig = Rig::with(answers(&["one", "two", "three"]), |builder| {
            builder.with_state_store(damaged)
        });
        let mut conversation = rig.start().await;
        conversation.send("1").await.unwrap();
        let turn = conversation.send("2").await.unwrap().turn().clone();
        *damage.lock().unwrap() = Some(role);
        let again = match regenerates {
            true => conversation.regenerate(&turn),
            false => conversation.retry_turn(&turn, RetryFrom::Start),
        };
        assert_eq!(again.response().await.unwrap().text(), "three");
        *damage.lock().unwrap() = None;
        // A message that cannot be read is kept; an answer is replaced.
        let expected: &[&str] = match role {
            Role::Unknown => &["1", "one", "2", "three"],
            _ => &["1", "one", "three"],
        };
        assert_eq!(texts(&conversation).await, expected);
    }
}

#[tokio::test]
async fn a_second_attempt_at_once_is_refused_and_takes_nothing_from_the_first() {
    let provider = answers(&["one"]).with_answer(ScriptedAnswer::new().text("half").hang());
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let turn = conversation.send("1").await.unwrap().turn().clone();
    let mut first = conversation.regenerate(&turn);
    assert_eq!(first_text(&mut first).await, "half");
    let second = conversation.regenerate(&turn).response().await;
    assert_eq!(second.unwrap_err().kind(), Kind::Busy);
    // It is still known here: to readers, and to a shutdown.
    let mut attached = conversation.attach(turn);
    assert_eq!(first_text(&mut attached).await, "half");
    let shutdown = rig.manager.shutdown(Duration::from_millis(50));
    let shutdown = tokio::time::timeout(Duration::from_secs(20), shutdown).await;
    shutdown.expect("the running turn was not told").unwrap();
    assert_eq!(first.response().await.unwrap_err().kind(), Kind::Cancelled);
}

#[tokio::test]
async fn an_attempt_whose_owner_dies_before_it_brings_anything_leaves_the_one_before_it() {
    let times = LeaseTimes::with_ttl(Duration::from_secs(4));
    let config = ManagerConfig::new().with_lease_times(times);
    let refused = || ScriptedAnswer::new().error_of(ProviderErrorKind::InvalidRequest);
    for (first, status, in_context) in [
        (
            ScriptedAnswer::new().text("one"),
            TurnStatus::Complete,
            ContextInclusion::All,
        ),
        (refused(), TurnStatus::Failed, ContextInclusion::None),
    ] {
        let gate = Gate::new();
        let provider = ScriptedProvider::new()
            .with_answer(first)
            .with_answer(ScriptedAnswer::new().gate(&gate));
        let runtime = crate::support::node_runtime();
        let rig = Rig::with(provider, |builder| {
            builder
                .with_config(config.clone())
                .with_runtime(runtime.handle().clone())
        });
        let mut conversation = rig.start().await;
        let _ = conversation.send("1").await;
        let before = conversation
            .read(Window::All)
            .await
            .unwrap()
            .turns
            .remove(0);
        let events = conversation.retry_turn(&before.id, RetryFrom::Start);
        let reached = tokio::time::timeout(Duration::from_secs(60), gate.reached());
        reached.await.expect("the attempt did not begin");
        crate::support::kill_node(runtime).await;
        drop(events);

        let (state, store) = (rig.state.clone(), rig.store.clone());
        let other = Rig::on(answers(&["two"]), state, store, |builder| {
            builder.with_config(config.clone())
        });
        let mut elsewhere = other.resume(conversation.id()).await;
        let options = TurnOptions::new().with_wait(Duration::from_secs(120));
        elsewhere.send_with("2", options).await.unwrap();
        let after = elsewhere.read(Window::All).await.unwrap().turns.remove(0);
        assert_eq!((after.status, after.in_context), (status, in_context));
        assert_eq!(
            (after.error, after.ended_at),
            (before.error, before.ended_at)
        );
        assert_eq!((after.attempts, after.before_retry), (2, None));
        // Whoever looks on hears of the attempt.
        let heard = other.event_names();
        let ended = |name: &String| name == "turn_interrupted" || name == "turn_failed";
        assert!(heard.iter().any(ended), "{heard:?}");
    }
}

#[tokio::test]
async fn an_attempt_that_was_taken_over_writes_nothing_behind_the_answer_that_stands_again() {
    let provider = answers(&["one"]).with_answer(ScriptedAnswer::new().text("half").hang());
    let times = LeaseTimes::with_ttl(Duration::from_secs(4));
    let rig = Rig::with(provider, |builder| {
        builder.with_config(ManagerConfig::new().with_lease_times(times))
    });
    let mut conversation = rig.start().await;
    let turn = conversation.send("1").await.unwrap().turn().clone();
    let mut events = conversation.regenerate(&turn);
    first_text(&mut events).await;
    take_over(&rig.state, conversation.id()).await;
    let error = events.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::LeaseLost);
    assert_eq!(texts(&conversation).await, ["1", "one"]);
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(read.turns[0].status, TurnStatus::Complete);
}

#[tokio::test(start_paused = true)]
async fn readers_find_the_attempt_that_has_begun_and_a_cancellation_ends_those_that_wait_too() {
    let gate = Gate::new();
    let provider = answers(&["one"])
        .with_answer(ScriptedAnswer::new().text("two").gate(&gate))
        .with_answer(ScriptedAnswer::new().text("half").hang());
    let rig = Rig::new(provider);
    let mut conversation = rig.start().await;
    let turn = conversation.send("1").await.unwrap().turn().clone();
    let mut first = conversation.regenerate(&turn);
    first_text(&mut first).await;
    let options = TurnOptions::new().with_wait(Duration::from_secs(300));
    let waiting = conversation.retry_turn_with(&turn, RetryFrom::Start, options);
    gate.open();
    first.response().await.unwrap();
    // It comes before the one that waits looks again.
    let mut begun = conversation.regenerate(&turn);
    assert_eq!(first_text(&mut begun).await, "half");
    let mut attached = conversation.attach(turn.clone());
    assert_eq!(first_text(&mut attached).await, "half");
    let id = conversation.id();
    rig.manager
        .cancel_turn(id, Owner::any(), &turn)
        .await
        .unwrap();
    let error = begun.response().await.unwrap_err();
    assert_eq!(error.kind(), Kind::Cancelled);
    let error = waiting.response().await.unwrap_err();
    assert!(
        matches!(error.kind(), Kind::Busy | Kind::Cancelled),
        "{error:?}"
    );
    assert_eq!(rig.provider.request_count(), 3);
}

/// A tool that never answers at first, and leaves its answer to people from then on.
#[derive(Clone, Debug, Default)]
struct Undecided(Arc<(Notify, Mutex<bool>)>);

#[async_trait]
impl Tool for Undecided {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("ask", "Asks people.", json!({"type": "object"}))
    }

    async fn call(&self, _: Value, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        let was_called = std::mem::replace(&mut *self.0.1.lock().unwrap(), true);
        if !was_called {
            self.0.0.notify_one();
            std::future::pending::<()>().await;
        }
        Ok(ToolOutput::pending("token"))
    }
}

#[tokio::test]
async fn an_attempt_that_waits_for_people_never_goes_back_to_the_one_before_it() {
    let tool = Undecided::default();
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().tool_call("c1", "ask", "{}"))
        .with_answer(ScriptedAnswer::new().text("done"));
    let rig = Rig::with(provider, |builder| builder.with_tool(tool.clone()));
    let mut conversation = rig.start().await;
    let events = conversation.stream("1");
    tool.0.0.notified().await;
    let (turn, id) = (events.turn().clone(), conversation.id().clone());
    rig.manager
        .cancel_turn(&id, Owner::any(), &turn)
        .await
        .unwrap();
    assert!(events.response().await.is_err());
    let again = conversation.retry_turn(&turn, RetryFrom::LastRound);
    let waiting = again.response().await.unwrap();
    assert_eq!(waiting.status(), TurnStatus::Suspended);
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(read.turns[0].before_retry, None);
    let resumed = conversation.resume_turn("token", ToolOutput::text("yes"));
    assert_eq!(resumed.response().await.unwrap().text(), "done");
}
