//! What a turn costs after 10 turns, after 1,000 and after 10,000, of which a fifth failed, with a media
//! item in each, in SQLite, PostgreSQL and Redis: rows read, bytes written, round trips, and time. Prints
//! tables, and fails unless each is after 10,000 turns at most 1.10 times what it is after 10.
//!
//! ```sh
//! cargo bench -p conversation-state --features measure,postgres,redis --bench growth
//! ```

mod page;
mod place;
/// The same servers as the tests.
#[path = "../../tests/it/servers/mod.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "written for tests")]
mod servers;
mod subject;
mod table;
mod wire;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use place::{Place, Work};
use subject::Subject;

/// Turns that the conversations have before.
const TURNS: [usize; 3] = [10, 1_000, 10_000];
/// How often each conversation has its turns measured.
const ROUNDS: usize = 8;
/// Turns of each of them.
const MEASURED: usize = 50;
/// Turns before, which are not measured.
const WARM_UP: usize = 20;

/// Whatever goes wrong.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What the measured turns of one conversation took.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    messages: u64,
    work: Vec<Work>,
    times: Vec<Duration>,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let directory = tempfile::tempdir()?;
    let mut places = vec![Place::sqlite(directory.path().join("state.sqlite"))];
    if servers::without_services() {
        println!(
            "NOT RUN: PostgreSQL and Redis ({} is set)",
            servers::NO_SERVICES
        );
    } else {
        places.push(Place::postgres().await?);
        places.push(Place::redis().await?);
    }
    let (mut text, mut is_good) = (String::new(), true);
    for place in &mut places {
        let costs = measure(place).await?;
        let (table, good) = table::of(place, &TURNS, &costs)?;
        print!("{table}");
        text.push_str(&table);
        is_good &= good;
    }
    let verdict = if is_good { "met" } else { "missed" };
    println!("goal: at most {:.2} each: {verdict}", table::GOAL);
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--docs") {
        let page = arguments.get(at + 1).ok_or("--docs needs a page")?;
        page::put(Path::new(page), "state table", &text)?;
    }
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Runs turns of the conversations in alternation, so that all see the same weather.
async fn measure(place: &mut Place) -> Result<[Cost; 3], Failure> {
    let mut subjects = Vec::new();
    {
        let store = place.open().await?;
        for turns in TURNS {
            let mut subject = Subject::new(&*store, turns).await?;
            for _ in 0..WARM_UP {
                subject.turn(&*store).await?;
            }
            subjects.push(subject);
        }
    }
    let mut costs: [Cost; 3] = Default::default();
    for round in 0..ROUNDS {
        for step in 0..TURNS.len() {
            let index = (round + step) % TURNS.len();
            let cost = &mut costs[index];
            let before = place.work().await?;
            let store = place.open().await?;
            let (trips, bytes) = place.wire();
            for _ in 0..MEASURED {
                let (messages, time) = subjects[index].turn(&*store).await?;
                cost.messages += messages;
                cost.times.push(time);
            }
            let (all_trips, all_bytes) = place.wire();
            drop(store);
            let after = place.work().await?;
            cost.work.push(Work {
                steps: after.steps - before.steps,
                written: after.written - before.written,
                round_trips: all_trips - trips,
                carried: all_bytes - bytes,
            });
        }
    }
    Ok(costs)
}
