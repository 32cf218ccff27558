//! The process that is killed: one conversation in a SQLite file, its media in a directory.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use async_trait::async_trait;
use conversation_sdk::state::SqliteOptions;
use conversation_sdk::{
    Checkpoint, Conversation, ConversationErrorKind, ConversationManager,
    ConversationManagerBuilder, LeaseTimes, ManagerConfig, OpenAiProvider, Owner, Part,
    SqliteStateStore, Start, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput, TurnEvent,
    TurnId, TurnOptions, UserMessage,
};
use media_store_fs::FileStore;
use media_types::{ConversationId, MediaContent, Mime};
use serde_json::{Value, json};

use crate::moved::MovedClock;
use crate::{Result, gate, readers, traced};

/// The conversation of all children.
pub(crate) const CONVERSATION: &str = "conv-proof";
/// What the user says before a long answer.
pub(crate) const STORY: &str = "Tell me a story";
/// The length of a report of the tool, in bytes.
pub(crate) const REPORT: usize = 4096;
/// How long a lease lasts.
pub(crate) const LEASE: Duration = Duration::from_millis(1200);

pub(crate) fn main(words: &[&str]) -> ExitCode {
    // Calls are counted for each thread: with one thread for files, each of them has a number.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(if words.first() == Some(&"turn") {
            1
        } else {
            64
        })
        .enable_all()
        .build();
    let ended = runtime.map_err(Into::into).and_then(|runtime| {
        runtime.block_on(async {
            match words {
                [what, dir, url, rest @ ..] => run(what, Path::new(dir), url, rest).await,
                _ => Err("usage: prove_turns child WHAT DIR URL ...".into()),
            }
        })
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("ERROR {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Prints a line that the parent sees at once.
pub(crate) fn say(line: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

async fn run(what: &str, dir: &Path, url: &str, rest: &[&str]) -> Result<()> {
    if let ("reader", [pace, reports]) = (what, rest) {
        return readers::child(dir, url, pace, reports.parse()?).await;
    }
    if let ("held", [at]) = (what, rest) {
        return gate::child(dir, url, at.parse().ok()).await;
    }
    if let ("cancelled", [at, who]) = (what, rest) {
        return gate::cancelled(dir, url, at.parse()?, *who == "reader").await;
    }
    if let ("recover", []) = (what, rest) {
        return recover(dir, url).await;
    }
    if what == "turn" {
        wait_for_tracer().await?;
    }
    let manager = manager(dir, url).await?;
    match (what, rest) {
        ("open", []) => conversation(&manager).await.map(drop),
        ("begin", [id]) => manager
            .start(beginning(id))
            .await
            .map(drop)
            .map_err(Into::into),
        ("turn", []) => turn(&manager).await,
        ("stream", []) => stream(&manager, TurnOptions::new()).await,
        ("send", [key, text]) => send(&manager, key, text).await,
        ("erase", []) => erase(&manager).await,
        ("cancel", [turn]) => {
            let turn = TurnId::new(turn)?;
            manager.cancel_turn(&id()?, Owner::any(), &turn).await?;
            Ok(())
        }
        ("attach", [turn]) => attach(&manager, turn).await,
        ("title", [title]) => {
            let conversation = manager.resume(&id()?, Owner::any()).await?;
            conversation.set_title(Some((*title).to_owned())).await?;
            Ok(())
        }
        ("delete", []) => {
            // Complete when the lease of the last turn is over, on whichever node.
            for _ in 0..100 {
                if manager
                    .delete_conversation(&id()?, Owner::any())
                    .await?
                    .is_complete()
                {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err("the deletion is not complete".into())
        }
        _ => Err(format!("unknown task {what}").into()),
    }
}

pub(crate) async fn manager(dir: &Path, url: &str) -> Result<ConversationManager> {
    manager_with(dir, url, SqliteOptions::new()).await
}

async fn manager_with(
    dir: &Path,
    url: &str,
    options: SqliteOptions,
) -> Result<ConversationManager> {
    let store = FileStore::open(dir.join("media")).await?;
    let state = SqliteStateStore::open_with(dir.join("state.sqlite"), options).await?;
    let built = builder(url)
        .with_media_storage(store)
        .with_state_store(state)
        .with_tool(Painter::default())
        .build();
    Ok(built?)
}

/// A manager of the proof without its stores.
pub(crate) fn builder(url: &str) -> ConversationManagerBuilder {
    let provider = OpenAiProvider::new("sk-test", "mock-1").with_base_url(url);
    ConversationManager::builder()
        .with_provider(provider)
        .with_config(config())
}

pub(crate) fn config() -> ManagerConfig {
    ManagerConfig::new()
        .with_lease_times(LeaseTimes::with_ttl(LEASE))
        .with_state_retry_time(Duration::from_secs(5))
        .with_checkpoint(Some(Checkpoint::new(Duration::from_millis(200), 64)))
}

pub(crate) fn id() -> Result<ConversationId> {
    Ok(ConversationId::new(CONVERSATION)?)
}

/// Starts the conversation, or goes on with it.
pub(crate) async fn conversation(manager: &ConversationManager) -> Result<Conversation> {
    match manager.resume(&id()?, Owner::any()).await {
        Ok(conversation) => Ok(conversation),
        Err(error) if error.kind() == ConversationErrorKind::NotFound => {
            match manager.start(beginning(CONVERSATION)).await {
                // Another process was first.
                Err(error) if error.kind() == ConversationErrorKind::AlreadyExists => {
                    Ok(manager.resume(&id()?, Owner::any()).await?)
                }
                started => Ok(started?),
            }
        }
        Err(error) => Err(error.into()),
    }
}

fn beginning(id: &str) -> Start {
    Start::new()
        .with_system("Be exact.")
        .with_user("u1")
        .with_session("s1")
        .with_conversation_id(id)
}

/// A photo with bytes that follow from a seed.
pub(crate) fn photo(seed: u64, len: usize) -> MediaContent {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut state = seed;
    while bytes.len() < len {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    MediaContent::from_bytes(Mime::IMAGE_PNG, bytes)
}

/// Waits until the parent has found both threads and traces one of them.
async fn wait_for_tracer() -> Result<()> {
    // It is not there before it is needed.
    tokio::task::spawn_blocking(|| {}).await?;
    // The tracer is no parent of this process. Where that does not matter, it is an error.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_ptracer(rustix::process::PTracer::Any);
    say(traced::READY);
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// One turn with media in, a tool that makes media, and an answer.
async fn turn(manager: &ConversationManager) -> Result<()> {
    let mut conversation = conversation(manager).await?;
    say("STARTED");
    let photo = photo(1, 150_000);
    let response = conversation
        .send_with_media("Look at this", [photo])
        .await?;
    say(format_args!("ACK {}", response.text()));
    Ok(())
}

/// One turn whose reader says how much it has seen.
async fn stream(manager: &ConversationManager, options: TurnOptions) -> Result<()> {
    let mut conversation = conversation(manager).await?;
    let mut events = conversation.stream_with(STORY, options);
    say(format_args!("TURN {}", events.turn()));
    let mut seen = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(TurnEvent::TextDelta(text)) => {
                seen += text.len();
                say(format_args!("SEEN {seen}"));
            }
            Ok(TurnEvent::Done(response)) => say(format_args!("ACK {}", response.text().len())),
            Ok(_) => {}
            Err(error) => say(format_args!("FAILED {:?}", error.kind())),
        }
    }
    Ok(())
}

/// Waits for the lease of a dead owner, takes a turn, and removes what no message names when the clock has moved past
/// two graces.
async fn recover(dir: &Path, url: &str) -> Result<()> {
    let clock = MovedClock::default();
    let manager = manager_with(dir, url, clock.options()).await?;
    let mut conversation = conversation(&manager).await?;
    let options = TurnOptions::new().with_wait(LEASE * 5);
    let response = conversation.send_with("After the crash", options).await?;
    say(format_args!("ACK {}", response.text()));
    for report in clock.reconcile(&manager).await? {
        say(format_args!("RECONCILED {report}"));
    }
    manager.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}

async fn send(manager: &ConversationManager, key: &str, text: &str) -> Result<()> {
    let mut conversation = conversation(manager).await?;
    let mut options = TurnOptions::new().with_wait(LEASE * 10);
    if !key.is_empty() {
        options = options.with_idempotency_key(key);
    }
    let message = UserMessage::from(text).with_part(photo(9, 120_000));
    match conversation.send_with(message, options).await {
        Ok(response) => say(format_args!("ACK {}", response.text())),
        Err(error) => say(format_args!("FAILED {:?}", error.kind())),
    }
    Ok(())
}

async fn attach(manager: &ConversationManager, turn: &str) -> Result<()> {
    let conversation = manager.resume(&id()?, Owner::any()).await?;
    let mut events = conversation.attach(TurnId::new(turn)?);
    let mut seen = 0;
    while let Some(event) = events.next().await {
        match event {
            Ok(TurnEvent::TextDelta(text)) => seen += text.len(),
            Ok(TurnEvent::Done(response)) => say(format_args!("ACK {}", response.text().len())),
            Ok(_) => {}
            Err(error) => {
                let kept = error.kept().map_or(0, |kept| kept.text().len());
                say(format_args!("FAILED {:?} {kept}", error.kind()));
            }
        }
    }
    say(format_args!("SEEN {seen}"));
    Ok(())
}

/// Erases the user of the conversation, until it is complete.
async fn erase(manager: &ConversationManager) -> Result<()> {
    // Whoever stands while it stores media of the user holds it up until its lease is over.
    for _ in 0..40 {
        let receipt = manager.erase_user(&"u1".parse()?).await?;
        say(format_args!("ERASED {receipt:?}"));
        if receipt.is_complete() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err("the erasure is not complete".into())
}

/// A tool that makes an image and reports on it.
#[derive(Debug, Default)]
pub(crate) struct Painter {
    /// How often it reports.
    pub(crate) reports: usize,
}

#[async_trait]
impl Tool for Painter {
    fn definition(&self) -> ToolDefinition {
        ToolDefinition::new(
            "paint",
            "Paints.",
            json!({"type": "object", "properties": {}}),
        )
    }

    async fn call(
        &self,
        _: Value,
        context: &ToolContext,
    ) -> std::result::Result<ToolOutput, ToolError> {
        for report in 0..self.reports {
            context.report_progress(&format!("{report:0>width$}", width = REPORT));
        }
        let failed = |error| ToolError::new("failed to paint").with_source(error);
        let seed = context.call_id().len() as u64 + 77;
        let image = photo(seed, 130_000);
        let mut writer = context.media_sink().begin();
        if let Some(bytes) = image.inline() {
            writer.write(bytes).await.map_err(failed)?;
        }
        let image = writer.finish(&Mime::IMAGE_PNG).await.map_err(failed)?;
        Ok(ToolOutput::new(vec![
            Part::text("Painted."),
            Part::Media(image),
        ]))
    }
}
