//! Readers that never read, or slowly: the turn goes on, and costs no memory for them.

use std::time::Duration;

use conversation_sdk::{ConversationManager, InMemoryStateStore, OpenAiProvider, Start, TurnEvent};
use media_store_fs::FileStore;

use crate::child::Painter;
use crate::mock::{Mock, Plan};
use crate::{Result, Tally};

const BOUND: u64 = 2 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Pace {
    Fast,
    Slow,
    Never,
}

pub(crate) async fn run(short: bool) -> Result<Tally> {
    let text = if short { 2_000_000 } else { 10_000_000 };
    let calls = if short { 40 } else { 200 };
    let mut tally = Tally::default();
    let mock = Mock::start(Plan::Flood { text, calls }).await?;
    // One turn makes threads, connections and caches.
    turn(&mock, Pace::Fast).await?;
    let fast = turn(&mock, Pace::Fast).await?;
    for pace in [Pace::Slow, Pace::Never] {
        let more = turn(&mock, pace).await?;
        let mut broken = Vec::new();
        if more.0 > fast.0 + BOUND {
            broken.push(format!("{} bytes, a fast reader takes {}", more.0, fast.0));
        }
        if more.1 != text.div_ceil(4096) * 4096 {
            broken.push(format!("{} bytes of text arrived", more.1));
        }
        tally.judge(&format!("reader {pace:?}"), broken);
        tally.count("bytes of text", more.1);
        tally.count("media items", more.2);
    }
    Ok(tally)
}

/// One turn; returns the growth of the resident set, the text of the answer, and its media.
async fn turn(mock: &Mock, pace: Pace) -> Result<(u64, usize, usize)> {
    let dir = tempfile::tempdir()?;
    let pack_limits = conversation_sdk::TurnOptions::new().with_max_rounds(2);
    let prompt = conversation_sdk::Prompt::builder("readers")
        .with_system("Be exact.")
        .with_tool_policy({
            let mut policy = prompt_pack::ToolPolicy::default();
            policy.max_tool_calls_per_turn = std::num::NonZeroU64::MAX;
            policy
        })
        .build()?;
    let manager = ConversationManager::builder()
        .with_provider(OpenAiProvider::new("sk-test", "mock-1").with_base_url(&mock.url))
        .with_media_storage(FileStore::open(dir.path()).await?)
        .with_state_store(InMemoryStateStore::new())
        .with_tool(Painter)
        .build()?;
    let mut conversation = manager.start(Start::new().with_prompt(prompt)).await?;
    let before = resident()?;
    let mut events = conversation.stream_with("Go", pack_limits);
    let attached = conversation.attach(events.turn());
    let reader = tokio::spawn(async move {
        match pace {
            Pace::Never => std::future::pending().await,
            Pace::Fast => while let Some(Ok(_)) = events.next().await {},
            Pace::Slow => {
                while let Some(Ok(event)) = events.next().await {
                    if let TurnEvent::TextDelta(_) = event {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        }
    });
    let response = attached.response().await?;
    let after = resident()?;
    reader.abort();
    let text = response.text().len();
    let media = response.media().len();
    manager.shutdown(Duration::from_secs(5)).await?;
    Ok((after.saturating_sub(before), text, media))
}

fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("no VmRSS")?
        .parse()?;
    Ok(kib * 1024)
}
