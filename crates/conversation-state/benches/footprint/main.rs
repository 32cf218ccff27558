//! What conversations with five images of 1 MB each take in PostgreSQL and in memory: with references,
//! with the images inline, and as a service keeps them that has one JSONB row for each. Prints a table.
//!
//! ```sh
//! cargo bench -p conversation-state --features postgres --bench footprint
//! ```

#[path = "../growth/page.rs"]
mod page;
/// The same servers as the tests.
#[path = "../../tests/it/servers/mod.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "written for tests")]
mod servers;

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use conversation_state::*;
use conversation_types::{Message, TurnId};
use media_types::{ConversationId, MediaContent, Mime, StorageReference};
use servers::postgres::Postgres;
use tokio_postgres::{Client, NoTls};

/// Conversations that are measured; what a thousand take is computed.
const CONVERSATIONS: usize = 100;
const IMAGES: usize = 5;
const IMAGE_BYTES: usize = 1_000_000;

/// Whatever goes wrong.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How a conversation is kept.
#[derive(Clone, Copy, Debug)]
enum Form {
    References,
    Inline,
    /// The whole history in one row, which is written anew at the end of each turn.
    Row,
}

impl Form {
    const ALL: [Self; 3] = [Self::References, Self::Inline, Self::Row];

    fn name(self) -> &'static str {
        match self {
            Self::References => "references",
            Self::Inline => "images inline",
            Self::Row => "images inline, one JSONB row each",
        }
    }
}

/// What all conversations of a form take.
#[derive(Debug)]
struct Cost {
    /// Bytes that the database grew by.
    database: u64,
    /// Bytes of the write-ahead log.
    log: u64,
    /// Resident bytes of a process that holds all of them.
    memory: u64,
    /// Median time of reading one.
    load: Duration,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if servers::without_services() {
        println!("NOT RUN: PostgreSQL ({} is set)", servers::NO_SERVICES);
        return Ok(());
    }
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--only") {
        let name = arguments.get(at + 1).ok_or("--only needs a form")?;
        let form = Form::ALL.into_iter().find(|form| form.name() == name);
        print!("{}", row(form.ok_or("no such form")?).await?);
        return Ok(());
    }
    let mut table = String::from(
        "| 1,000 conversations with five images of 1 MB | database | written to its log | memory of all | time to load one |\n\
         |---|---:|---:|---:|---:|\n",
    );
    for form in Form::ALL {
        // Each in a process of its own: one must not use what the allocator kept of another.
        let mut child = Command::new(std::env::current_exe()?);
        let ended = child.args(["--only", form.name()]).output()?;
        if !ended.status.success() {
            return Err(String::from_utf8_lossy(&ended.stderr).into());
        }
        table.push_str(std::str::from_utf8(&ended.stdout)?);
    }
    print!("{table}");
    if let Some(at) = arguments.iter().position(|argument| argument == "--docs") {
        let page = arguments.get(at + 1).ok_or("--docs needs a page")?;
        page::put(Path::new(page), "footprint table", &table)?;
    }
    Ok(())
}

async fn row(form: Form) -> Result<String, Failure> {
    let cost = measure(form).await?;
    let all = |bytes: u64| size(bytes * 1000 / CONVERSATIONS as u64);
    let mut row = String::new();
    writeln!(
        row,
        "| {} | {} | {} | {} | {:.1} ms |",
        form.name(),
        all(cost.database),
        all(cost.log),
        all(cost.memory),
        cost.load.as_secs_f64() * 1e3
    )?;
    Ok(row)
}

async fn measure(form: Form) -> Result<Cost, Failure> {
    let server = Postgres::start().await;
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await?;
    tokio::spawn(connection);
    let store = PostgresStateStore::open(&server.url()).await?;
    client
        .batch_execute("CREATE TABLE histories (id text PRIMARY KEY, history jsonb NOT NULL)")
        .await?;
    let (database, log) = sizes(&client).await?;
    let mut ids = Vec::new();
    for _ in 0..CONVERSATIONS {
        let id = ConversationId::mint();
        match form {
            Form::Row => keep_row(&client, &id).await?,
            _ => keep(&store, &id, form).await?,
        }
        ids.push(id);
    }
    let (database_after, log_after) = sizes(&client).await?;
    let resident = resident()?;
    let (mut times, mut histories, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for id in &ids {
        let began = Instant::now();
        match form {
            Form::Row => {
                let query = "SELECT history::text FROM histories WHERE id = $1";
                let row = client.query_one(query, &[&id.as_str()]).await?;
                let history: serde_json::Value = serde_json::from_str(row.get(0))?;
                rows.push(history);
            }
            _ => {
                let options = LoadOptions::new(Window::All);
                histories.push(store.load(id, options).await?.ok_or("gone")?);
            }
        }
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(Cost {
        database: database_after - database,
        log: log_after - log,
        memory: self::resident()?.saturating_sub(resident),
        load: times[times.len() / 2],
    })
}

/// Keeps a conversation in the store, turn by turn.
async fn keep(store: &PostgresStateStore, id: &ConversationId, form: Form) -> Result<(), Failure> {
    let new = ConversationRecord::new(id.clone());
    let mut record = store.create(NewConversation::new(new)).await?.into_record();
    for _ in 0..IMAGES {
        let turn = TurnRecord::new(TurnId::mint()).with_status(TurnStatus::Complete);
        let fence = Fence::Head {
            head: record.head,
            turn: None,
        };
        let write = StateWrite::new(&record, fence)
            .with_append(messages(&turn.id, form)?)
            .with_turn(turn);
        record = store.apply(write).await?.record;
    }
    Ok(())
}

/// Keeps a conversation in a row, which is replaced at the end of each turn.
async fn keep_row(client: &Client, id: &ConversationId) -> Result<(), Failure> {
    let mut history = Vec::new();
    for _ in 0..IMAGES {
        history.extend(messages(&TurnId::mint(), Form::Inline)?);
        let text = serde_json::to_string(&history)?;
        let put = "INSERT INTO histories VALUES ($1, $2::text::jsonb) \
                   ON CONFLICT (id) DO UPDATE SET history = excluded.history";
        client.execute(put, &[&id.as_str(), &text]).await?;
    }
    Ok(())
}

/// Returns the messages of a turn: a question with an image, and its answer.
fn messages(turn: &TurnId, form: Form) -> Result<[Message; 2], Failure> {
    let image = match form {
        Form::References => {
            let id = format!("session/conversation/ab12cd-{}.png", ConversationId::mint());
            let reference = StorageReference::builder("file", id)
                .with_size(IMAGE_BYTES as u64)
                .build()?;
            MediaContent::from_reference(Mime::IMAGE_PNG, reference)
        }
        _ => MediaContent::from_bytes(Mime::IMAGE_PNG, noise()),
    };
    let question = vec!["What is this? ".repeat(10).into(), image.into()];
    Ok([
        Message::user(question).with_turn(turn.clone()),
        Message::assistant(vec!["word ".repeat(200).into()]).with_turn(turn.clone()),
    ])
}

/// Returns bytes that no database compresses, as those of images.
fn noise() -> Vec<u8> {
    let random = RandomState::new();
    let words = (0..IMAGE_BYTES / 8).flat_map(|n| random.hash_one(n).to_le_bytes());
    words.collect()
}

/// Returns the size of the database and of all that was written to its log, in bytes.
async fn sizes(client: &Client) -> Result<(u64, u64), Failure> {
    let query = "SELECT pg_database_size(current_database()), \
                 (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";
    let row = client.query_one(query, &[]).await?;
    Ok((
        row.get::<_, i64>(0).try_into()?,
        row.get::<_, i64>(1).try_into()?,
    ))
}

/// Returns the resident memory of this process, in bytes.
fn resident() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib
        .ok_or("/proc/self/status without VmRSS")?
        .parse::<u64>()?
        << 10)
}

fn size(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    match megabytes {
        ..10.0 => format!("{megabytes:.1} MB"),
        ..10_000.0 => format!("{megabytes:.0} MB"),
        _ => format!("{:.1} GB", megabytes / 1e3),
    }
}
