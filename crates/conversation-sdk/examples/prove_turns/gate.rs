//! A turn that tells its steps and waits at one of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use conversation_sdk::providers::ProviderResponse;
use conversation_sdk::state::{Fence, LoadOptions, StateWrite, Window};
use conversation_sdk::{
    ConversationError, ConversationManager, Middleware, ModelRequest, Next, SqliteStateStore, Tool,
    ToolContext, ToolDefinition, ToolError, ToolOutput,
};
use futures_util::StreamExt;
use media_store_fs::FileStore;
use serde_json::Value;

use crate::Result;
use crate::child::{Painter, builder, conversation, photo, say};
use crate::watched::{Watched, Watcher};

/// The file whose presence lets the turn go on.
pub(crate) const GO: &str = "go";

/// Counts the steps of a turn, and waits at one.
#[derive(Debug)]
struct Gate {
    go: PathBuf,
    /// The number of the step to wait at, from 0.
    at: Option<usize>,
    armed: AtomicBool,
    passed: AtomicUsize,
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

    async fn after_load(&self, options: &LoadOptions) {
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

/// Runs a turn with media in, a tool that makes media, and an answer, held at a step.
pub(crate) async fn child(dir: &Path, url: &str, at: Option<usize>) -> Result<()> {
    let gate = Arc::new(Gate {
        go: dir.join(GO),
        at,
        armed: AtomicBool::new(false),
        passed: AtomicUsize::new(0),
    });
    let store = FileStore::open(dir.join("media")).await?;
    let state = SqliteStateStore::open(dir.join("state.sqlite")).await?;
    let manager: ConversationManager = builder(url)
        .with_media_storage(Watched::new(store, Arc::clone(&gate)))
        .with_state_store(Watched::new(state, Arc::clone(&gate)))
        .with_tool(GatedTool(Arc::clone(&gate)))
        .with_middleware(GatedModel(Arc::clone(&gate)))
        .build()?;
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
