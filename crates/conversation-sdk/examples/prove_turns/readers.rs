//! Readers that never read, or slowly: the turn goes on, and costs no memory for them.

use std::path::Path;
use std::time::Duration;

use conversation_sdk::{
    ConversationManager, InMemoryStateStore, OpenAiProvider, Prompt, Start, TurnEvent, TurnOptions,
};
use media_store_fs::FileStore;

use crate::child::{Painter, say};
use crate::mock::{Mock, Plan};
use crate::run::run as run_child;
use crate::{Result, Tally};

const BOUND: u64 = 2 * 1024 * 1024;

pub(crate) async fn run(short: bool) -> Result<Tally> {
    let text = if short { 2_000_000 } else { 10_000_000 };
    let calls = if short { 40 } else { 200 };
    let mut tally = Tally::default();
    let mock = Mock::start(Plan::Flood { text, calls }).await?;
    let fast = turn(&mock, "fast").await?;
    for pace in ["slow", "never"] {
        let more = turn(&mock, pace).await?;
        let mut broken = Vec::new();
        if more.0 > fast.0 + BOUND {
            broken.push(format!("{} bytes, a fast reader takes {}", more.0, fast.0));
        }
        if more.1 != text.div_ceil(4096) * 4096 || more.2 != calls {
            broken.push(format!("{} bytes and {} media items came", more.1, more.2));
        }
        tally.judge(&format!("reader {pace}"), broken);
        tally.count("bytes of text", more.1);
        tally.count("media items", more.2);
    }
    Ok(tally)
}

/// One turn in a process of its own: the largest resident set, the text of the answer, its media.
async fn turn(mock: &Mock, pace: &str) -> Result<(u64, usize, usize)> {
    let dir = tempfile::tempdir()?;
    let ended = run_child("reader", dir.path(), &mock.url, &[pace]).await?;
    let line = ended.said("READ ");
    let line = line.ok_or_else(|| format!("the reader failed: {:?}", ended.lines))?;
    let mut numbers = line.split(' ').map(str::parse::<usize>);
    let mut next = || numbers.next().ok_or("three numbers").map_err(Into::into);
    let three = [next(), next(), next()];
    let [peak, text, media] = three.map(|number: Result<_>| number.and_then(|n| Ok(n?)));
    Ok((peak? as u64, text?, media?))
}

/// The child's side.
pub(crate) async fn child(dir: &Path, url: &str, pace: &str) -> Result<()> {
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
        .with_tool(Painter)
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
    let peak = peak_resident()?;
    reader.abort();
    say(format_args!(
        "READ {peak} {} {}",
        response.text().len(),
        response.media().len()
    ));
    manager.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}

fn peak_resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .ok_or("no VmHWM")?
        .parse()?;
    Ok(kib * 1024)
}
