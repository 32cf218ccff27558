//! Calls and turns in pairs.

use std::time::{Duration, Instant};

use conversation_sdk::{ConversationManager, OpenAiProvider, Owner, Start};
use media_storage::InMemoryStorage;

use crate::heap::Before;
use crate::server;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The most that a turn may take above a bare call.
const MAX_TIME: Duration = Duration::from_millis(1);
const MAX_BYTES: usize = 64 * 1024;
/// Pairs that are not counted: connections are made, and memory is taken that stays.
const WARM_UP: usize = 100;

const KEY: &str = "k";
const SYSTEM: &str = "Be exact.";
const QUESTION: &str = "Name twenty words.";

/// One call or turn.
#[derive(Clone, Copy)]
struct Taken {
    time: Duration,
    bytes: usize,
}

/// Measures pairs; returns whether the targets are met.
pub(crate) async fn run(turns: usize) -> Result<bool> {
    let url = server::start()?;
    let client = reqwest::Client::builder().no_proxy().build()?;
    let manager = ConversationManager::builder()
        .with_provider(OpenAiProvider::new(KEY, "gpt-4o").with_base_url(&url))
        .with_media_storage(InMemoryStorage::new())
        .build()?;
    let mut pairs = Vec::with_capacity(turns);
    for round in 0..WARM_UP + turns {
        let call = measure(call(&client, &url)).await?;
        let mut conversation = manager.start(Start::new().with_system(SYSTEM)).await?;
        let turn = measure(async {
            let response = conversation.send(QUESTION).await?;
            match response.text().len() {
                100 => Ok(()),
                len => Err(format!("an answer of {len} bytes").into()),
            }
        });
        let turn = turn.await?;
        manager
            .delete_conversation(conversation.id(), Owner::any())
            .await?;
        if round >= WARM_UP {
            pairs.push((call, turn));
        }
    }
    Ok(report(&pairs))
}

async fn measure(work: impl Future<Output = Result<()>>) -> Result<Taken> {
    let (before, start) = (Before::now(), Instant::now());
    work.await?;
    Ok(Taken {
        time: start.elapsed(),
        bytes: before.risen(),
    })
}

/// The least that asking takes: the same body, and every byte of the answer read.
async fn call(client: &reqwest::Client, url: &str) -> Result<()> {
    let body = format!(
        r#"{{"model":"gpt-4o","stream":true,"stream_options":{{"include_usage":true}},"messages":[{{"role":"system","content":"{SYSTEM}"}},{{"role":"user","content":"{QUESTION}"}}]}}"#
    );
    let request = client
        .post(format!("{url}/chat/completions"))
        .bearer_auth(KEY)
        .header("content-type", "application/json")
        .body(body);
    let mut response = request.send().await?.error_for_status()?;
    while response.chunk().await?.is_some() {}
    Ok(())
}

fn report(pairs: &[(Taken, Taken)]) -> bool {
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let of = |get: &dyn Fn(&(Taken, Taken)) -> f64| median(pairs.iter().map(get).collect());
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let kib = |bytes: usize| bytes as f64 / 1024.0;
    let (call, turn) = (
        of(&|pair| micros(pair.0.time)),
        of(&|pair| micros(pair.1.time)),
    );
    let time = of(&|pair| micros(pair.1.time) - micros(pair.0.time));
    let (call_bytes, turn_bytes) = (of(&|pair| kib(pair.0.bytes)), of(&|pair| kib(pair.1.bytes)));
    let bytes = of(&|pair| kib(pair.1.bytes) - kib(pair.0.bytes));
    let targets = (micros(MAX_TIME), kib(MAX_BYTES));
    let said = |is_met| if is_met { "met" } else { "NOT MET" };
    println!("| what | bare call | turn | turn above call | target | |");
    println!("|---|---:|---:|---:|---:|---|");
    println!(
        "| time, median | {call:.0} µs | {turn:.0} µs | {time:.0} µs | ≤ {:.0} µs | {} |",
        targets.0,
        said(time <= targets.0)
    );
    println!(
        "| most memory, median | {call_bytes:.1} KiB | {turn_bytes:.1} KiB | {bytes:.1} KiB | ≤ {:.0} KiB | {} |",
        targets.1,
        said(bytes <= targets.1)
    );
    time <= targets.0 && bytes <= targets.1
}
