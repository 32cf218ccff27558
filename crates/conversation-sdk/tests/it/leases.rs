//! Leases of running turns, and times that no clock reaches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use conversation_providers::testing::{Gate, ScriptedAnswer, ScriptedProvider};
use conversation_sdk::state::{Applied, LoadedConversation, StateError, StateWrite, forward_state};
use conversation_sdk::{
    Checkpoint, ConversationErrorKind as Kind, InMemoryStateStore, LeaseTimes, ManagerConfig,
    StateStore, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput, TurnOptions, TurnStatus,
    Window,
};
use conversation_state::LoadOptions;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Rig, first_text, history};

/// What a store does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silent {
    Never,
    Reads,
    Writes,
}

/// A store that stops answering.
#[derive(Clone, Debug)]
struct SilentState {
    inner: InMemoryStateStore,
    silent: Arc<watch::Sender<Silent>>,
    writes: Arc<watch::Sender<usize>>,
}

impl SilentState {
    fn new() -> Self {
        Self {
            inner: InMemoryStateStore::new(),
            silent: Arc::new(watch::Sender::new(Silent::Never)),
            writes: Arc::new(watch::Sender::new(0)),
        }
    }

    async fn unless(&self, silent: Silent) {
        let mut held = self.silent.subscribe();
        held.wait_for(|held| *held != silent).await.unwrap();
    }
}

#[async_trait]
impl StateStore for SilentState {
    forward_state!(
        self => self.inner;
        info, limits, durability, now, create, find_message, list, tombstone, purge, fence_user,
        user_fence, lift_fence, acquire_lease, release_lease, references, referenced_by,
        observe_unnamed, forget_unnamed,
    );

    async fn load(
        &self,
        id: &media_types::ConversationId,
        options: LoadOptions,
    ) -> Result<Option<LoadedConversation>, StateError> {
        self.unless(Silent::Reads).await;
        self.inner.load(id, options).await
    }

    async fn apply(&self, write: StateWrite) -> Result<Applied, StateError> {
        self.unless(Silent::Writes).await;
        let applied = self.inner.apply(write).await;
        self.writes.send_modify(|writes| *writes += 1);
        applied
    }
}

#[tokio::test]
async fn a_lease_is_renewed_while_the_store_answers_no_reads() {
    let state = SilentState::new();
    let gate = Gate::new();
    let answer = ScriptedAnswer::new().text("one").gate(&gate).text(" two");
    let times = LeaseTimes::with_ttl(Duration::from_millis(800));
    let rig = Rig::with(ScriptedProvider::new().with_answer(answer), |builder| {
        builder
            .with_state_store(state.clone())
            .with_config(ManagerConfig::new().with_lease_times(times))
    });
    let mut conversation = rig.start().await;
    let mut events = conversation.stream("Go");
    first_text(&mut events).await;
    state.silent.send_replace(Silent::Reads);
    let mut writes = state.writes.subscribe();
    // Two leases' worth of renewals.
    let enough = *writes.borrow() + 8;
    let renewed = writes.wait_for(|writes| *writes >= enough);
    let renewed = tokio::time::timeout(Duration::from_secs(30), renewed).await;
    renewed.expect("the lease was not renewed").unwrap();
    state.silent.send_replace(Silent::Never);
    gate.open();
    assert_eq!(events.response().await.unwrap().text(), "one two");
}

/// A tool during whose first call no lease can be renewed. Its calls take as long as they are told.
#[derive(Debug)]
struct Slow {
    state: SilentState,
    calls: Arc<AtomicUsize>,
}

#[async_trait]
impl Tool for Slow {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new("slow", "Takes its time.", json!({"type": "object"}))
    }

    async fn call(&self, arguments: Value, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.state.silent.send_replace(Silent::Writes);
        let seconds = arguments["seconds"].as_u64().unwrap_or(50);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(ToolOutput::text("done"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_another_does_not_begin_without_the_lease() {
    let calls = ScriptedAnswer::new()
        .tool_call("c1", "slow", "{}")
        .tool_call("c2", "slow", "{}");
    show_refused(calls, 1, 1).await;
}

#[tokio::test(start_paused = true)]
async fn calls_that_run_have_their_results_where_another_may_not_begin() {
    let calls = ScriptedAnswer::new()
        .tool_call("c1", "slow", "{}")
        .tool_call("c2", "slow", r#"{"seconds": 53}"#)
        .tool_call("c3", "slow", "{}")
        .tool_call("c4", "slow", "{}");
    show_refused(calls, 2, 2).await;
}

/// Has calls run, so many at once, of which only some may begin.
async fn show_refused(answer: ScriptedAnswer, at_once: usize, begun: usize) {
    let state = SilentState::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let tool = Slow {
        state: state.clone(),
        calls: Arc::clone(&calls),
    };
    let rig = Rig::with(ScriptedProvider::new().with_answer(answer), |builder| {
        builder
            .with_state_store(state.clone())
            .with_tool(tool)
            .with_config(ManagerConfig::new().with_concurrent_tools(at_once))
    });
    let mut conversation = rig.start().await;
    let sent = conversation.send("Go");
    let answers_again = async {
        tokio::time::sleep(Duration::from_secs(55)).await;
        state.silent.send_replace(Silent::Never);
    };
    let (sent, ()) = tokio::join!(sent, answers_again);
    let error = sent.unwrap_err();
    assert_eq!(error.kind(), Kind::State);
    assert!(
        error.to_string().contains("could not be renewed"),
        "{error}"
    );
    assert_eq!(calls.load(Ordering::SeqCst), begun);
    let read = conversation.read(Window::All).await.unwrap();
    assert_eq!(read.turns[0].status, TurnStatus::Interrupted);
    // The calls that have run have their results.
    assert_eq!(read.messages.len(), 2 + begun);
}

#[tokio::test]
async fn every_time_may_be_the_longest_that_there_is() {
    const MAX: Duration = Duration::MAX;
    let gate = Gate::new();
    let provider = ScriptedProvider::new()
        .with_answer(ScriptedAnswer::new().text("one").gate(&gate))
        .with_answer(ScriptedAnswer::new().tool_call("c", "obey", "{}"))
        .with_answer(ScriptedAnswer::new().text("two"));
    let config = ManagerConfig::new()
        .with_lease_times(LeaseTimes::with_ttl(MAX))
        .with_turn_timeout(MAX)
        .with_tool_timeout(MAX)
        .with_state_retry_time(MAX)
        .with_checkpoint(Some(Checkpoint::new(MAX, 1)));
    let rig = Rig::with(provider, |builder| {
        builder
            .with_config(config)
            .with_tool(crate::tools::Obedient::default())
    });
    let mut conversation = rig.start().await;
    let mut first = conversation.stream("1");
    first_text(&mut first).await;
    let options = TurnOptions::new().with_wait(MAX).with_timeout(MAX);
    let waiting = tokio::spawn(conversation.send_with("2", options));
    gate.open();
    first.response().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().text(), "two");
    assert_eq!(history(&conversation).await.len(), 6);
    rig.manager.shutdown(MAX).await.unwrap();
}
