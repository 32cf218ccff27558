//! Runs of tests and evaluations whose media and results are kept in a directory.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SubsecRound, Utc};
use conversation_events::{ConversationError, ConversationErrorKind as Kind, Event, EventKind};
use conversation_types::{Cost, TokenUsage};
use futures_util::StreamExt;
use media_storage::{MediaStorage, Scope};
use media_types::{RunId, Sha256};
use serde::Serialize;

use crate::core::Core;
use crate::manager::{ConversationManager, ConversationManagerBuilder};

/// A run of tests or of an evaluation: media under `<out>/media`, and a summary in
/// `<out>/results.json`.
///
/// The media store is the caller's to open, in the directory that [`prepare`](Self::prepare) returns,
/// sorted by run and with deduplication:
///
/// ```
/// # async fn run(provider: impl conversation_sdk::Provider) -> Result<(), Box<dyn std::error::Error>> {
/// use conversation_sdk::{ConversationManager, Start, TestRun};
/// # let temporary = tempfile::tempdir()?;
/// # let out = temporary.path().join("out");
/// let run = TestRun::new(out);
/// let directory = run.prepare().await?;
/// let store = media_storage::InMemoryStorage::new(); // or a file store in that directory
/// # let _ = directory;
/// let builder = ConversationManager::builder().with_provider(provider);
/// let manager = run.configure(builder, store).build()?;
/// manager.start(Start::new()).await?.send("Hello").await?;
/// let results = run.finish(&manager).await?;
/// println!("{} bytes saved", results.media.saved_bytes);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TestRun {
    directory: PathBuf,
    started_at: DateTime<Utc>,
    turns: Arc<Mutex<Turns>>,
}

/// What turns came to, by conversation and turn: a turn that is tried again counts once, with what
/// all its attempts consumed.
type Turns = BTreeMap<(String, String), TurnEnd>;

#[derive(Clone, Copy, Debug, Default)]
struct TurnEnd {
    is_complete: bool,
    usage: TokenUsage,
    cost: Option<Cost>,
}

/// The summary of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TestResults {
    /// The run.
    pub run: RunId,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub finished_at: DateTime<Utc>,
    /// The media of all conversations.
    pub media: MediaStatistics,
    /// The number of turns that are complete.
    pub turns: u64,
    /// The number of turns that were interrupted or failed.
    pub failed_turns: u64,
    /// What all turns consumed.
    pub usage: TokenUsage,
    /// What all turns cost, as far as prices are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Each conversation by its id.
    pub conversations: BTreeMap<String, ConversationStatistics>,
}

/// What was stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct MediaStatistics {
    /// The number of references.
    pub stored: u64,
    /// The number of different contents.
    pub unique: u64,
    /// The sum of the sizes of all references.
    pub bytes: u64,
    /// The bytes that need not be kept because contents are equal.
    pub saved_bytes: u64,
}

/// What one conversation came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ConversationStatistics {
    /// Its media.
    pub media: MediaStatistics,
    /// The number of turns that are complete.
    pub turns: u64,
    /// The number of turns that were interrupted or failed.
    pub failed_turns: u64,
    /// What its turns consumed.
    pub usage: TokenUsage,
    /// What its turns cost, as far as prices are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

impl TestRun {
    /// Creates a run whose output goes to a directory, which [`prepare`](Self::prepare) makes.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            started_at: Utc::now().trunc_subsecs(3),
            turns: Arc::default(),
        }
    }

    /// Makes the directory of the run and returns the one for media, `<out>/media`, which the store
    /// makes.
    ///
    /// # Errors
    /// `Other` where it cannot be made.
    pub async fn prepare(&self) -> Result<PathBuf, ConversationError> {
        let directory = self.directory.clone();
        let making = tokio::task::spawn_blocking(move || std::fs::create_dir_all(directory));
        let made = making.await.map_err(io::Error::other).flatten();
        made.map_err(|error| {
            ConversationError::new(Kind::Other)
                .with_detail("the directory of the run cannot be made")
                .with_source(error)
        })?;
        Ok(self.media_directory())
    }

    /// Returns the directory for media: `<out>/media`.
    pub fn media_directory(&self) -> PathBuf {
        self.directory.join("media")
    }

    /// Returns the file of the summary: `<out>/results.json`.
    pub fn results_file(&self) -> PathBuf {
        self.directory.join("results.json")
    }

    /// Gives a manager the media store of the run, and counts what its turns consume.
    pub fn configure(
        &self,
        builder: ConversationManagerBuilder,
        store: impl MediaStorage,
    ) -> ConversationManagerBuilder {
        let turns = Arc::clone(&self.turns);
        builder
            .with_media_storage(store)
            .with_listener(move |event: &Event| count(&turns, event))
    }

    /// Writes the summary of the run of a manager.
    ///
    /// # Errors
    /// `Config` where the manager has no store that can list what it holds, `Storage`, `Other` where
    /// the file cannot be written.
    pub async fn finish(
        &self,
        manager: &ConversationManager,
    ) -> Result<TestResults, ConversationError> {
        let core = &manager.core;
        let mut conversations: BTreeMap<String, ConversationStatistics> = BTreeMap::new();
        let mut all = Counted::default();
        for (conversation, media) in media_of_run(core).await? {
            all.extend(&media);
            let entry = conversations.entry(conversation).or_default();
            entry.media = media.statistics();
        }
        let mut results = TestResults {
            run: core.run.clone(),
            started_at: self.started_at,
            finished_at: Utc::now().trunc_subsecs(3),
            media: all.statistics(),
            turns: 0,
            failed_turns: 0,
            usage: TokenUsage::default(),
            cost: None,
            conversations,
        };
        self.add_turns(&mut results);
        let (file, written) = (self.results_file(), results.clone());
        let writing = core
            .tasks
            .runtime()
            .spawn_blocking(move || write(&file, &written));
        let written = writing.await.map_err(io::Error::other).flatten();
        written.map_err(|error| {
            ConversationError::new(Kind::Other)
                .with_detail("the results of the run cannot be written")
                .with_source(error)
        })?;
        Ok(results)
    }
}

impl TestRun {
    fn add_turns(&self, results: &mut TestResults) {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        for ((conversation, _), turn) in &*turns {
            let entry = results.conversations.entry(conversation.clone());
            let entry = entry.or_default();
            entry.turns += u64::from(turn.is_complete);
            entry.failed_turns += u64::from(!turn.is_complete);
            entry.usage += turn.usage;
            entry.cost = sum(entry.cost, turn.cost);
            results.turns += u64::from(turn.is_complete);
            results.failed_turns += u64::from(!turn.is_complete);
            results.usage += turn.usage;
            results.cost = sum(results.cost, turn.cost);
        }
    }
}

fn count(turns: &Mutex<Turns>, event: &Event) {
    let (is_complete, usage, cost) = match &event.kind {
        EventKind::TurnFinished { usage, cost, .. } => (true, *usage, *cost),
        EventKind::TurnInterrupted { usage, cost, .. }
        | EventKind::TurnFailed { usage, cost, .. } => (false, *usage, *cost),
        _ => return,
    };
    let (Some(conversation), Some(turn)) = (&event.subject.conversation, &event.subject.turn)
    else {
        return;
    };
    let end = TurnEnd {
        is_complete,
        usage,
        cost,
    };
    let key = (conversation.as_str().to_owned(), turn.as_str().to_owned());
    let mut turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
    turns.insert(key, end);
}

fn sum(one: Option<Cost>, other: Option<Cost>) -> Option<Cost> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    }
}

/// Media that is counted.
#[derive(Debug, Default)]
struct Counted {
    stored: u64,
    bytes: u64,
    unique: BTreeSet<(Option<Sha256>, u64)>,
}

impl Counted {
    fn extend(&mut self, other: &Self) {
        self.stored += other.stored;
        self.bytes += other.bytes;
        self.unique.extend(&other.unique);
    }

    fn statistics(&self) -> MediaStatistics {
        let kept: u64 = self.unique.iter().map(|(_, size)| size).sum();
        MediaStatistics {
            stored: self.stored,
            unique: self.unique.len() as u64,
            bytes: self.bytes,
            saved_bytes: self.bytes.saturating_sub(kept),
        }
    }
}

async fn media_of_run(core: &Core) -> Result<BTreeMap<String, Counted>, ConversationError> {
    let inventory = core.stores.primary().and_then(|store| store.inventory());
    let inventory = inventory.ok_or_else(|| {
        ConversationError::new(Kind::Config)
            .with_detail("the media store cannot list what it holds")
    })?;
    let mut media: BTreeMap<String, Counted> = BTreeMap::new();
    let mut entries = inventory.list(Scope::Run(core.run.clone()));
    while let Some(entry) = entries.next().await.transpose()? {
        let conversation = entry.metadata.conversation();
        let conversation = conversation.map_or("", |conversation| conversation.as_str());
        let counted = media.entry(conversation.to_owned()).or_default();
        let size = entry.reference.size().unwrap_or(0);
        counted.stored += 1;
        counted.bytes += size;
        counted.unique.insert((entry.reference.sha256(), size));
    }
    Ok(media)
}

/// Writes the summary beside its place and moves it there, so that a reader never finds half of it.
fn write(file: &Path, results: &TestResults) -> io::Result<()> {
    if let Some(directory) = file.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let mut json = serde_json::to_vec_pretty(results)?;
    json.push(b'\n');
    let unfinished = file.with_extension("json.tmp");
    std::fs::write(&unfinished, json)?;
    std::fs::rename(&unfinished, file)
}
