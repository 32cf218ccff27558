//! What a turn costs after 10 turns and after 10,000, of which a fifth failed, with a media item in
//! each: steps of SQLite's machine, bytes written, and time. Prints the ratios, and fails unless
//! each is at most 1.10.
//!
//! ```sh
//! cargo bench -p conversation-state --features measure --bench growth
//! ```

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conversation_state::*;
use conversation_types::{Message, RawJson, TurnId};
use media_types::{ConversationId, MediaContent, Mime, StorageReference};

/// The largest ratio that is good.
const GOAL: f64 = 1.10;
/// Turns that are measured in each of the conversations.
const MEASURED: usize = 400;
/// Turns that are not.
const WARM_UP: usize = 20;
/// The marks around the table in the page of benchmarks.
const BEGIN: &str = "<!-- state table: begin -->";
const END: &str = "<!-- state table: end -->";
/// Turns in context that a turn reads.
const WINDOW: usize = 5;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What one turn took.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    steps: u64,
    bytes: u64,
    messages: u64,
    time: Duration,
}

/// A conversation in a file of its own.
struct Subject {
    store: SqliteStateStore,
    record: ConversationRecord,
    steps: Arc<AtomicU64>,
    turns: usize,
}

impl Subject {
    /// Makes a conversation of so many turns.
    async fn new(path: &Path, turns: usize) -> Result<Self, Failure> {
        let steps = Arc::new(AtomicU64::new(0));
        let options = SqliteOptions::new().with_step_counter(Arc::clone(&steps));
        let store = SqliteStateStore::open_with(path, options).await?;
        let new = ConversationRecord::new("conversation".parse()?)
            .with_user(Some("user".parse()?))
            .with_session(Some("session".parse()?));
        let record = store.create(NewConversation::new(new)).await?.into_record();
        let mut subject = Self {
            store,
            record,
            steps,
            turns: 0,
        };
        while subject.turns < turns {
            subject.add(turns.min(subject.turns + 500)).await?;
        }
        Ok(subject)
    }

    /// Adds turns in one write. Every fifth has failed.
    async fn add(&mut self, until: usize) -> Result<(), Failure> {
        let fence = Fence::Head {
            head: self.record.head,
            turn: None,
        };
        let mut write = StateWrite::new(&self.record, fence);
        for n in self.turns..until {
            let mut turn = TurnRecord::new(TurnId::mint()).with_status(TurnStatus::Complete);
            if n % 5 == 4 {
                turn.status = TurnStatus::Failed;
                turn.in_context = ContextInclusion::None;
            }
            write = write
                .with_append([question(&turn.id, n)?, answer(&turn.id)])
                .with_turn(turn);
        }
        self.turns = until;
        self.record = self.store.apply(write).await?.record;
        Ok(())
    }

    /// Runs a turn as a manager does: it reads the window, begins, renews its lease, and ends.
    async fn turn(&mut self) -> Result<Cost, Failure> {
        self.steps.store(0, Ordering::Relaxed);
        let (bytes, began) = (written()?, Instant::now());
        let options = LoadOptions::new(Window::NewestTurns(WINDOW))
            .with_key("key")
            .with_planner("planner");
        let loaded = self.store.load(&self.record.id, options).await?;
        let loaded = loaded.ok_or("the conversation is gone")?;
        let record = &loaded.record;
        let mut turn = TurnRecord::new(TurnId::mint());
        let fence = Fence::Head {
            head: record.head,
            turn: None,
        };
        let question = question(&turn.id, self.turns)?;
        let begin = StateWrite::new(record, fence)
            .with_append([question])
            .with_turn(turn.clone())
            .with_lease(LeaseChange::Take {
                owner: "owner".into(),
                duration: Duration::from_secs(60),
            });
        let begun = self.store.apply(begin).await?;
        let own = TurnFence::new(turn.id.clone(), begun.epoch.unwrap_or_default());
        let renew = StateWrite::new(&begun.record, Fence::Turn(own.clone()))
            .with_lease(LeaseChange::Hold(Duration::from_secs(60)));
        let renewed = self.store.apply(renew).await?;
        let fence = Fence::Head {
            head: renewed.head,
            turn: Some(own),
        };
        turn.status = TurnStatus::Complete;
        let planner = RawJson::from_text(format!("{{\"oldest\":{}}}", self.turns))?;
        let finish = StateWrite::new(&renewed.record, fence)
            .with_append([answer(&turn.id)])
            .with_turn(turn)
            .with_planner(PlannerEntry::new("planner", planner));
        self.record = self.store.apply(finish).await?.record;
        self.turns += 1;
        Ok(Cost {
            steps: self.steps.load(Ordering::Relaxed),
            bytes: written()? - bytes,
            messages: loaded.messages.len() as u64,
            time: began.elapsed(),
        })
    }
}

fn question(turn: &TurnId, n: usize) -> Result<Message, Failure> {
    // The token of a file name is random.
    let token = ConversationId::mint();
    let id = format!("session/conversation/ab12cd-{token}.png");
    let reference = StorageReference::builder("file", id)
        .with_size(1 << 20)
        .build()?;
    let media = MediaContent::from_reference(Mime::IMAGE_PNG, reference);
    let text = format!("question {n} {}", "word ".repeat(40));
    Ok(Message::user(vec![text.into(), media.into()]).with_turn(turn.clone()))
}

fn answer(turn: &TurnId) -> Message {
    Message::assistant(vec!["word ".repeat(200).into()]).with_turn(turn.clone())
}

/// Bytes that the process has written so far.
fn written() -> Result<u64, Failure> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: "));
    Ok(line.ok_or("/proc/self/io without wchar")?.parse()?)
}

fn mean(costs: &[Cost], of: impl Fn(&Cost) -> u64) -> f64 {
    costs.iter().map(of).sum::<u64>() as f64 / costs.len() as f64
}

fn median_time(costs: &[Cost]) -> f64 {
    let mut times: Vec<Duration> = costs.iter().map(|cost| cost.time).collect();
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    let mut subjects = [
        Subject::new(&path("short.sqlite"), 10).await?,
        Subject::new(&path("long.sqlite"), 10_000).await?,
    ];
    let mut costs = [Vec::new(), Vec::new()];
    // By turns, each of them first every second time, so that both see the same weather.
    for round in 0..WARM_UP + MEASURED {
        for index in [round % 2, 1 - round % 2] {
            let cost = subjects[index].turn().await?;
            if round >= WARM_UP {
                costs[index].push(cost);
            }
        }
    }
    let [short, long] = costs;
    let mut table = String::from(
        "| a turn of 3 writes and 1 read | after 10 turns | after 10,000 | ratio |\n\
         |---|---|---|---|\n",
    );
    let mut good = true;
    let mut row = |name: &str, short: f64, long: f64| {
        let ratio = long / short;
        good &= ratio <= GOAL;
        writeln!(table, "| {name} | {short:.0} | {long:.0} | {ratio:.2} |")
    };
    let mut means = |name: &str, of: fn(&Cost) -> u64| row(name, mean(&short, of), mean(&long, of));
    means("messages read", |cost| cost.messages)?;
    means("steps of SQLite", |cost| cost.steps)?;
    means("bytes written, with checkpoints", |cost| cost.bytes)?;
    row(
        "time, median, in microseconds",
        median_time(&short),
        median_time(&long),
    )?;
    print!("{table}");
    let verdict = if good { "met" } else { "missed" };
    println!("goal: at most {GOAL:.2} each: {verdict}");
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--docs") {
        let page = arguments.get(at + 1).ok_or("--docs needs a page")?;
        put(Path::new(page), &table)?;
    }
    Ok(match good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Puts the table into its section of a page.
fn put(page: &Path, table: &str) -> Result<(), Failure> {
    let text = std::fs::read_to_string(page)?;
    let (before, rest) = text
        .split_once(BEGIN)
        .ok_or("the page has no such section")?;
    let (_, after) = rest.split_once(END).ok_or("the section has no end")?;
    let section = format!("{before}{BEGIN}\n{table}{END}{after}");
    Ok(std::fs::write(page, section)?)
}
