//! A turn that tells its steps and waits at one of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use conversation_sdk::providers::ProviderResponse;
use conversation_sdk::state::{Fence, LoadOptions, LoadedConversation, StateWrite, Window};
use conversation_sdk::{
    ConversationError, ConversationManager, Middleware, ModelRequest, Next, SqliteStateStore, Tool,
    ToolContext, ToolDefinition, ToolError, ToolOutput, TurnEvent, TurnOptions, UserMessage,
};
use futures_util::StreamExt;
use media_store_fs::FileStore;
use serde_json::Value;
use tokio::sync::Notify;

use crate::Result;
use crate::child::{Painter, builder, conversation, photo, say};
use crate::mock::{Mock, Plan};
use crate::run::run;
use crate::watched::{Watched, Watcher};

/// The file whose presence lets the turn go on.
pub(crate) const GO: &str = "go";

/// The names of the steps of a turn that nobody disturbs.
pub(crate) async fn steps() -> Result<Vec<String>> {
    let mock = Mock::start(Plan::Tools).await?;
    let dir = tempfile::tempdir()?;
    let ended = run("held", dir.path(), &mock.url, &["none"]).await?;
    if ended.said("ACK ").is_none() {
        return Err(format!("a turn that nobody disturbs failed: {:?}", ended.lines).into());
    }
    let named = ended.lines.iter();
    let steps = named.filter_map(|line| line.strip_prefix("STEP "));
    Ok(steps.map(str::to_owned).collect())
}

/// Counts the steps of a turn, and waits at one.
#[derive(Debug)]
struct Gate {
    go: PathBuf,
    /// The number of the step to wait at, from 0.
    at: Option<usize>,
    armed: AtomicBool,
    passed: AtomicUsize,
    /// Told when the turn waits.
    held: Notify,
}

impl Gate {
    async fn step(&self, name: &str) {
        if !self.armed.load(Ordering::Relaxed) {
            return;
        }
        let number = self.passed.fetch_add(1, Ordering::Relaxed);
        say(format_args!("STEP {name}"));
        if self.at == Some(number) {
            say(format_args!("HELD {name}"));
            self.held.notify_one();
            while !self.go.exists() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// Renewals come from a task of their own, at any time: they are no steps.
fn is_step(write: &StateWrite) -> bool {
    !matches!(write.fence, Fence::Turn(_))
}

#[async_trait]
impl Watcher for Gate {
    async fn before_write(&self, write: &StateWrite) {
        if is_step(write) {
            self.step("before a write").await;
        }
    }

    async fn after_write(&self, write: &StateWrite) {
        if is_step(write) {
            self.step("after a write").await;
        }
    }

    async fn after_load(&self, options: &LoadOptions, found: Option<&LoadedConversation>) {
        let current = found.and_then(LoadedConversation::current_turn);
        if current.is_some_and(|turn| turn.cancel_requested) {
            say("ASKED TO END");
        }
        if options.window != Window::MetadataOnly {
            self.step("after a load").await;
        }
    }

    async fn before_store(&self) {
        self.step("before media is stored").await;
    }

    async fn after_store(&self) {
        self.step("after media is stored").await;
    }
}

/// Requests and answers as steps.
#[derive(Debug)]
struct GatedModel(Arc<Gate>);

#[async_trait]
impl Middleware for GatedModel {
    async fn handle(
        &self,
        request: ModelRequest,
        next: Next<'_>,
    ) -> std::result::Result<ProviderResponse, ConversationError> {
        self.0.step("before a request").await;
        let response = next.run(request).await?;
        let gate = Arc::clone(&self.0);
        let events = response.into_events().then(move |event| {
            let gate = Arc::clone(&gate);
            async move {
                gate.step("within an answer").await;
                event
            }
        });
        Ok(ProviderResponse::from_events(events.boxed()))
    }
}

/// Calls of a tool as steps.
#[derive(Debug)]
struct GatedTool(Arc<Gate>);

#[async_trait]
impl Tool for GatedTool {
    fn definition(&self) -> ToolDefinition {
        Painter::default().definition()
    }

    async fn call(
        &self,
        arguments: Value,
        context: &ToolContext,
    ) -> std::result::Result<ToolOutput, ToolError> {
        self.0.step("before a tool").await;
        let output = Painter::default().call(arguments, context).await;
        self.0.step("after a tool").await;
        output
    }
}

/// What the turns of the proof are held with.
async fn gated(
    dir: &Path,
    url: &str,
    at: Option<usize>,
) -> Result<(Arc<Gate>, ConversationManager)> {
    let gate = Arc::new(Gate {
        go: dir.join(GO),
        at,
        armed: AtomicBool::new(false),
        passed: AtomicUsize::new(0),
        held: Notify::new(),
    });
    let store = FileStore::open(dir.join("media")).await?;
    let state = SqliteStateStore::open(dir.join("state.sqlite")).await?;
    let manager = builder(url)
        .with_media_storage(Watched::new(store, Arc::clone(&gate)))
        .with_state_store(Watched::new(state, Arc::clone(&gate)))
        .with_tool(GatedTool(Arc::clone(&gate)))
        .with_middleware(GatedModel(Arc::clone(&gate)))
        .build()?;
    Ok((gate, manager))
}

/// Runs a turn with media in, a tool that makes media, and an answer, held at a step.
pub(crate) async fn child(dir: &Path, url: &str, at: Option<usize>) -> Result<()> {
    let (gate, manager) = gated(dir, url, at).await?;
    let mut conversation = conversation(&manager).await?;
    gate.armed.store(true, Ordering::Relaxed);
    let sent = conversation.send_with_media("Look at this", [photo(1, 150_000)]);
    match sent.await {
        Ok(response) => say(format_args!("ACK {}", response.text())),
        Err(error) => say(format_args!("FAILED {:?}", error.kind())),
    }
    manager.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}

/// Runs the same turn, whose reader leaves when it is held, or stays until somebody else ends it. Says what the reader
/// saw, and how the turn ended.
pub(crate) async fn cancelled(dir: &Path, url: &str, at: usize, leaves: bool) -> Result<()> {
    let (gate, manager) = gated(dir, url, Some(at)).await?;
    let mut conversation = conversation(&manager).await?;
    gate.armed.store(true, Ordering::Relaxed);
    let message = UserMessage::from("Look at this").with_part(photo(1, 150_000));
    let mut events = conversation.stream_with(message, TurnOptions::new());
    say(format_args!("TURN {}", events.turn()));
    let attached = conversation.attach(events.turn());
    let mut seen = String::new();
    let mut is_held = false;
    loop {
        let event = tokio::select! {
            biased;
            event = events.next() => event,
            () = gate.held.notified(), if !is_held => {
                is_held = true;
                continue;
            }
            // All that came before it was held has been read.
            () = tokio::time::sleep(Duration::from_millis(100)), if is_held && leaves => break,
        };
        match event {
            Some(Ok(TurnEvent::TextDelta(text))) => seen.push_str(&text),
            Some(_) => {}
            None => break,
        }
    }
    drop(events);
    if leaves {
        std::fs::write(&gate.go, "")?;
    }
    say(format_args!("SEEN {seen:?}"));
    match attached.response().await {
        Ok(response) => say(format_args!("ACK {}", response.text())),
        Err(error) => say(format_args!("FAILED {:?}", error.kind())),
    }
    manager.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
