//! Answers of the state store that are late, lost or repeated, and others who write meanwhile.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use conversation_sdk::state::conformance::{Fault, FaultyState, Operation};
use conversation_sdk::state::{
    Fence, LoadOptions, RecordUpdate, StateErrorKind, StateStore, StateWrite, WriteId,
};
use conversation_sdk::{
    ConversationErrorKind, ConversationManager, LeaseTimes, ManagerConfig, SqliteStateStore,
    TurnOptions,
};
use futures_util::{StreamExt, TryStreamExt};
use media_store_fs::FileStore;

use crate::child::{LEASE, Painter, builder, config, conversation, id, photo};
use crate::judge::{self, Found};
use crate::mock::{Mock, Plan};
use crate::moved::MovedClock;
use crate::watched::{Watched, Watcher};
use crate::{AT_A_TIME, Result, Tally};

/// Writes of the turn: its beginning, the call, the result, the answer.
const WRITES: usize = 4;
/// How long a write is repeated where it stays unclear.
const SHORT_RETRY: Duration = Duration::from_millis(60);
const FAULTS: [Fault; 4] = [Fault::Before, Fault::LostAnswer, Fault::Late, Fault::Twice];

/// One turn with a fault in one of its writes.
#[derive(Clone, Copy, Debug)]
struct Case {
    fault: Fault,
    nth: usize,
    /// Writes of others before each repetition.
    foreign: usize,
    /// Whether the fault stays.
    lasting: bool,
    /// Whether what is late arrives only behind the next turn.
    late: bool,
}

pub(crate) async fn run(short: bool, tally: &mut Tally) -> Result<()> {
    let mut judged = futures_util::stream::iter(cases(short))
        .map(|case| async move {
            let judged = match case.lasting {
                false => passing(case).await,
                true => lasting(case).await,
            };
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((case, judged?))
        })
        .buffer_unordered(AT_A_TIME);
    while let Some((case, judged)) = judged.try_next().await? {
        tally.judge(&format!("{case:?}"), judged.broken);
        tally.count("references named", judged.named);
        for (name, count) in judged.counts {
            tally.count(name, count);
        }
        if tally.is_found() {
            break;
        }
    }
    Ok(())
}

fn cases(short: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    for fault in FAULTS {
        for nth in 0..WRITES {
            for foreign in [0, 1, 100] {
                // In the short form, each fault meets each number of foreign writes.
                if short && nth != foreign % WRITES {
                    continue;
                }
                cases.push(Case {
                    fault,
                    nth,
                    foreign,
                    lasting: false,
                    late: false,
                });
            }
            for late in [false, true] {
                if matches!(fault, Fault::Twice) || (short && late != (nth % 2 == 0)) {
                    continue;
                }
                cases.push(Case {
                    fault,
                    nth,
                    foreign: 0,
                    lasting: true,
                    late,
                });
            }
        }
    }
    cases
}

#[derive(Debug, Default)]
struct Judged {
    broken: Vec<String>,
    named: usize,
    counts: Vec<(&'static str, usize)>,
}

/// Another process that changes the title before a write is repeated.
#[derive(Debug)]
struct Foreigner {
    store: SqliteStateStore,
    writes: usize,
    seen: Mutex<HashSet<WriteId>>,
    written: std::sync::atomic::AtomicUsize,
}

impl Foreigner {
    async fn open(dir: &Path, writes: usize) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            store: SqliteStateStore::open(dir.join("state.sqlite")).await?,
            writes,
            seen: Mutex::default(),
            written: std::sync::atomic::AtomicUsize::new(0),
        }))
    }

    fn written(&self) -> usize {
        self.written.load(std::sync::atomic::Ordering::Relaxed)
    }

    async fn write(&self) -> Result<()> {
        let mut left = self.writes;
        while left > 0 {
            let loaded = self.store.load(&id()?, LoadOptions::default()).await?;
            let record = loaded.ok_or("the conversation is gone")?.record;
            let fence = Fence::Version(record.version);
            let title = Some(format!("title {left}"));
            let write =
                StateWrite::new(&record, fence).with_record(RecordUpdate::new().with_title(title));
            match self.store.apply(write).await {
                Ok(_) => left -= 1,
                // A renewal came in between.
                Err(error) if error.kind() == StateErrorKind::Conflict => continue,
                Err(error) => return Err(error.into()),
            }
            self.written
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(())
    }
}

#[async_trait]
impl Watcher for Foreigner {
    async fn before_write(&self, write: &StateWrite) {
        let is_first = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(write.id)
        };
        if !is_first && let Err(error) = self.write().await {
            eprintln!("a foreign write failed: {error}");
        }
    }
}

/// A manager over a store that fails, and what of it is looked at.
struct Rig {
    dir: tempfile::TempDir,
    mock: Mock,
    state: FaultyState<SqliteStateStore>,
    foreigner: Arc<Foreigner>,
    manager: ConversationManager,
    clock: MovedClock,
}

impl Rig {
    async fn new(foreign: usize, config: ManagerConfig) -> Result<Self> {
        let mock = Mock::start(Plan::Tools).await?;
        let dir = tempfile::tempdir()?;
        let clock = MovedClock::default();
        let file = dir.path().join("state.sqlite");
        let sqlite = SqliteStateStore::open_with(file, clock.options()).await?;
        let state = FaultyState::new(sqlite);
        let foreigner = Foreigner::open(dir.path(), foreign).await?;
        let manager = builder(&mock.url)
            .with_config(config)
            .with_media_storage(FileStore::open(dir.path().join("media")).await?)
            .with_state_store(Watched::new(state.clone(), Arc::clone(&foreigner)))
            .with_tool(Painter::default())
            .build()?;
        Ok(Self {
            dir,
            mock,
            state,
            foreigner,
            manager,
            clock,
        })
    }

    /// Lets the n-th write of a turn go wrong.
    fn inject(&self, case: Case) {
        for _ in 0..case.nth {
            self.state.inject(Operation::Apply, Fault::Twice);
        }
        match case.lasting {
            false => self.state.inject(Operation::Apply, case.fault),
            true => self.state.inject_lasting(Operation::Apply, case.fault),
        }
    }

    fn found(&self) -> Result<Found> {
        judge::read(self.dir.path())
    }
}

/// A fault that passes: the turn ends as if there had been none.
async fn passing(case: Case) -> Result<Judged> {
    // However long the others write: the lease does not end meanwhile.
    let config = config().with_lease_times(LeaseTimes::with_ttl(LEASE * 100));
    let rig = Rig::new(case.foreign, config).await?;
    let mut conversation = conversation(&rig.manager).await?;
    rig.inject(case);
    let sent = conversation.send_with_media("Look at this", [photo(1, 150_000)]);
    let sent = sent.await;
    let mut judged = Judged::default();
    if let Err(error) = &sent {
        judged
            .broken
            .push(format!("the turn failed: {:?}", error.kind()));
    }
    // What the network still holds arrives now, behind as many writes of others.
    rig.foreigner.write().await?;
    let late = rig.state.release_late().await;
    judged
        .counts
        .push(("deliveries behind the turn", late.len()));
    for outcome in late {
        match outcome {
            Ok(()) => {}
            Err(error) => judged
                .broken
                .push(format!("a repetition got {:?}", error.kind())),
        }
    }
    let found = rig.found()?;
    judged.broken.extend(found.check_recovered());
    judged.named = found.named.len();
    if found.messages.len() != WRITES || found.named.len() != 2 {
        let (messages, named) = (found.messages.len(), found.named.len());
        judged
            .broken
            .push(format!("{messages} messages name {named} references"));
    }
    let paid = rig.mock.take_log().len();
    if paid != 2 {
        judged.broken.push(format!("{paid} requests were paid"));
    }
    judged.counts.extend([
        ("faults that passed", 1),
        ("foreign writes", rig.foreigner.written()),
    ]);
    Ok(judged)
}

/// A fault that stays: the turn is told that its outcome is unknown; nothing that messages name is
/// deleted, and what they do not name goes by reconciliation.
async fn lasting(case: Case) -> Result<Judged> {
    let config = config().with_state_retry_time(SHORT_RETRY);
    let rig = Rig::new(0, config).await?;
    let mut conversation = conversation(&rig.manager).await?;
    rig.inject(case);
    let sent = conversation.send_with_media("Look at this", [photo(1, 150_000)]);
    let sent = sent.await;
    let mut judged = Judged::default();
    match sent.map_err(|error| error.kind()) {
        Err(ConversationErrorKind::StateOutcomeUnknown) => {}
        other => judged.broken.push(format!("the turn ended with {other:?}")),
    }
    rig.state.heal();
    let mut late = 0;
    if !case.late {
        late += rig.state.release_late().await.len();
    }
    judged.broken.extend(rig.found()?.check());
    // The turn's lease is over some time, and the conversation goes on.
    let options = TurnOptions::new().with_wait(LEASE * 10);
    if let Err(error) = conversation.send_with("Still there?", options).await {
        judged
            .broken
            .push(format!("it does not go on: {:?}", error.kind()));
    }
    late += rig.state.release_late().await.len();
    judged.broken.extend(rig.found()?.check());
    rig.clock.reconcile(&rig.manager).await?;
    let found = rig.found()?;
    judged.broken.extend(found.check_recovered());
    judged.named = found.named.len();
    judged
        .counts
        .extend([("faults that stayed", 1), ("late deliveries", late)]);
    Ok(judged)
}
