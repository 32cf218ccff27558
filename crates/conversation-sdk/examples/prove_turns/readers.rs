//! Readers that never read, or slowly: the turn goes on, and costs no memory for them.

use std::path::Path;
use std::time::Duration;

use conversation_sdk::{
    ConversationManager, InMemoryStateStore, OpenAiProvider, Prompt, Start, TurnEvent, TurnOptions,
};
use media_store_fs::FileStore;
use peak_alloc::PeakAlloc;

use crate::child::{Painter, REPORT, say};
use crate::mock::{Mock, Plan};
use crate::run::run as run_child;
use crate::{Result, Tally};

/// What is used, and not what the allocator keeps beyond it, which depends on which threads ran when.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// How much more a turn may take for a reader that stands still than for one that does not.
const BOUND: u64 = 2 * 1024 * 1024;
/// Events of tools that are kept for readers.
const KEPT: u64 = 1024;
/// Reports of all calls together, at least.
const REPORTS: usize = 5000;

/// What a turn took and brought.
#[derive(Debug)]
struct Turn {
    /// The most bytes that its process held on the heap.
    peak: u64,
    text: usize,
    media: usize,
}

pub(crate) async fn run(short: bool, tally: &mut Tally) -> Result<()> {
    let text = if short { 2_000_000 } else { 10_000_000 };
    let calls = if short { 40 } else { 200 };
    let reports = REPORTS.div_ceil(calls);
    let mock = Mock::start(Plan::Flood { text, calls }).await?;
    let silent = turn(&mock, "fast", 0).await?;
    let fast = turn(&mock, "fast", reports).await?;
    for pace in ["fast", "slow", "never"] {
        let read = match pace {
            "fast" => &fast,
            _ => &turn(&mock, pace, reports).await?,
        };
        let mut broken = Vec::new();
        if read.peak > fast.peak + BOUND {
            let (peak, fast) = (read.peak, fast.peak);
            broken.push(format!("{peak} bytes, a fast reader takes {fast}"));
        }
        // Beside the answer a turn holds the newest events alone, read or not.
        let events = KEPT * REPORT as u64;
        if read.peak > silent.peak + events + 2 * BOUND {
            let (peak, silent) = (read.peak, silent.peak);
            broken.push(format!("{peak} bytes, {silent} without reports of tools"));
        }
        if read.text != text.div_ceil(4096) * 4096 || read.media != calls {
            let (text, media) = (read.text, read.media);
            broken.push(format!("{text} bytes and {media} media items came"));
        }
        tally.judge(&format!("reader {pace}"), broken);
        tally.count("bytes of text", read.text);
        tally.count("events of tools", calls * reports);
        tally.count("media items", read.media);
    }
    Ok(())
}

/// Runs one turn in a process of its own.
async fn turn(mock: &Mock, pace: &str, reports: usize) -> Result<Turn> {
    let dir = tempfile::tempdir()?;
    let reports = reports.to_string();
    let ended = run_child("reader", dir.path(), &mock.url, &[pace, &reports]).await?;
    let line = ended.said("READ ");
    let line = line.ok_or_else(|| format!("the reader failed: {:?}", ended.lines))?;
    let mut numbers = line.split(' ').map(str::parse::<usize>);
    let mut next = || numbers.next().ok_or("three numbers").map_err(Into::into);
    let three = [next(), next(), next()];
    let [peak, text, media] = three.map(|number: Result<_>| number.and_then(|n| Ok(n?)));
    Ok(Turn {
        peak: peak? as u64,
        text: text?,
        media: media?,
    })
}

/// The child's side.
pub(crate) async fn child(dir: &Path, url: &str, pace: &str, reports: usize) -> Result<()> {
    let mut policy = prompt_pack::ToolPolicy::default();
    policy.max_tool_calls_per_turn = std::num::NonZeroU64::MAX;
    let prompt = Prompt::builder("readers")
        .with_system("Be exact.")
        .with_tool_policy(policy)
        .build()?;
    let manager = ConversationManager::builder()
        .with_provider(OpenAiProvider::new("sk-test", "mock-1").with_base_url(url))
        .with_media_storage(FileStore::open(dir).await?)
        .with_state_store(InMemoryStateStore::new())
        .with_tool(Painter { reports })
        .build()?;
    let mut conversation = manager.start(Start::new().with_prompt(prompt)).await?;
    let mut events = conversation.stream_with("Go", TurnOptions::new());
    let attached = conversation.attach(events.turn());
    let pace = pace.to_owned();
    let reader = tokio::spawn(async move {
        match pace.as_str() {
            "fast" => while let Some(Ok(_)) = events.next().await {},
            "slow" => {
                while let Some(Ok(event)) = events.next().await {
                    if let TurnEvent::TextDelta(_) = event {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
            _ => std::future::pending().await,
        }
    });
    let response = attached.response().await?;
    let peak = HEAP.peak_usage();
    reader.abort();
    say(format_args!(
        "READ {peak} {} {}",
        response.text().len(),
        response.media().len()
    ));
    manager.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
