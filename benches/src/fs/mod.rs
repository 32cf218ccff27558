//! The measurements of the file store.

mod contents;
mod growth;
mod lanes;
mod links;
mod load;
mod memory;
mod store;
mod tasks;

use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::report::Report;
use crate::{Result, machine};

pub(crate) use memory::body as made_body;
pub use memory::child as memory_child;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// An empty directory on the disk that is to be measured.
    pub dir: PathBuf,
    /// Where the tables and the image go; nowhere if not set.
    pub docs: Option<PathBuf>,
    /// The number of rounds where nothing waits for the disk.
    pub rounds: usize,
    /// The number of rounds where something does.
    pub synced_rounds: usize,
    /// How many references are present, in ascending order.
    pub references: Vec<usize>,
    /// The references to one content.
    pub links: usize,
    /// The contents of the largest store that known bytes come to in turn.
    pub contents: usize,
    /// Sizes of media in bytes for the peak of memory, in ascending order.
    pub memory: Vec<u64>,
    /// Which parts to measure; all if empty.
    pub only: Vec<String>,
}

impl Plan {
    /// Everything that the documents show: about half an hour, 30 GB and 5 million files.
    pub fn full(dir: PathBuf) -> Self {
        Self {
            dir,
            docs: None,
            rounds: 200,
            synced_rounds: 60,
            references: vec![0, 10_000, 100_000, 1_000_000],
            links: 100_000,
            contents: 50_000,
            memory: vec![1 << 20, 16 << 20, 128 << 20, 1 << 30],
            only: vec![],
        }
    }

    /// The same, smaller: about a minute.
    pub fn quick(dir: PathBuf) -> Self {
        Self {
            rounds: 40,
            synced_rounds: 10,
            references: vec![0, 2_000, 10_000],
            links: 2_000,
            contents: 2_000,
            memory: vec![1 << 20, 64 << 20],
            ..Self::full(dir)
        }
    }

    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

/// Measures and reports.
///
/// # Errors
/// Whatever goes wrong; nothing is written to the documents then.
pub async fn run(plan: &Plan) -> Result<Report> {
    let most = *plan.references.last().unwrap_or(&0) as u64;
    // A file takes a block, whatever its size; a reference of the greediest contender three files.
    machine::check_room(&plan.dir, most * 3 * 4096 + (4 << 30), most * 4 + 100_000)?;
    let mut report = Report::default();
    let now = chrono::Utc::now().format("%Y-%m-%d %H:%M UTC");
    report.say(&format!(
        "Measured {now} on {}, {}, release build{}. Load averages at the start: {}. Written by `scripts/bench.sh fs`, which measures again.",
        machine::describe(),
        machine::file_system(&plan.dir),
        machine::priority(),
        machine::load(),
    ));
    report.say(
        "Contenders take turns within each round, so that a machine whose speed drifts favors none; ratios are medians of the ratios within rounds. *Floor*: the least that storing takes, written by hand: decode base64 (the same codec), SHA-256 (the same code), write to one name, rename to another, nothing kept about the media; it is done in two ways, whole and piece by piece through memory that is used again, and the faster counts. `object_store::LocalFileSystem` does not hash; `cacache` hashes and keeps an index. 1 MB is 1,000,000 bytes. Stores are in use: a thousand small media lie in each before it is measured.",
    );
    if plan.wants("store") {
        store::new_media(plan, &mut report).await?;
        store::again(plan, &mut report).await?;
        store::medium(plan, &mut report).await?;
    }
    if plan.wants("load") {
        load::load(plan, &mut report).await?;
    }
    if plan.wants("tasks") {
        tasks::tasks(plan, &mut report).await?;
    }
    if plan.wants("memory") {
        memory::memory(plan, &mut report)?;
    }
    if plan.wants("links") {
        links::links(plan, &mut report).await?;
    }
    if plan.wants("contents") {
        contents::contents(plan, &mut report).await?;
    }
    if plan.wants("growth") {
        // What was written so far must not take the memory that the directories need.
        machine::drop_caches();
        growth::growth(plan, &mut report).await?;
    }
    report.say(&format!("Load averages at the end: {}.", machine::load()));
    Ok(report)
}

/// Makes a new directory of a name that starts so.
fn fresh(dir: &Path) -> Result<PathBuf> {
    let name = dir.file_name().unwrap_or_default();
    let parent = dir.parent().unwrap_or(dir);
    let made = tempfile::Builder::new().prefix(name).tempdir_in(parent)?;
    Ok(made.keep())
}

/// Removes a directory and lets the system forget that there was one: see [`lanes::New`].
async fn remove(dir: &Path) -> Result<()> {
    // What waits for the disk is read by several at once.
    const AT_ONCE: usize = 8;
    const DEPTH: usize = 3;
    let mut level = vec![dir.to_owned()];
    for _ in 0..DEPTH {
        let mut inner = Vec::new();
        for dir in &level {
            for entry in std::fs::read_dir(dir)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    inner.push(entry.path());
                }
            }
        }
        level = inner;
    }
    stream::iter(level)
        .map(|dir| tokio::task::spawn_blocking(move || std::fs::remove_dir_all(dir)))
        .buffer_unordered(AT_ONCE)
        .map(|removed| removed.map_err(std::io::Error::other).flatten())
        .try_collect::<()>()
        .await?;
    std::fs::remove_dir_all(dir)?;
    if !machine::drop_caches() {
        machine::settle().await?;
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    }
    Ok(())
}

/// Sizes that are measured, with their names.
const SIZES: [(usize, &str); 2] = [(1_000_000, "1 MB"), (100_000, "100 KB")];
