//! What weaker settings of Redis lose by power cuts: counted, not judged.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use conversation_state::{
    ConversationRecord, Fence, NewConversation, RedisStateStore, StateStore as _, StateWrite,
};
use conversation_types::Message;
use tokio::time::sleep;

use crate::database::redis::Redis;
use crate::judge;
use crate::servers::Database;
use crate::{Failure, say};

/// Settings of `appendfsync`, with how long ago what a power cut leaves may have been written: the bound of
/// Redis's documentation, and that of the Linux kernel for what nobody syncs.
const SETTINGS: [(&str, Duration); 3] = [
    ("always", Duration::ZERO),
    ("everysec", Duration::from_secs(2)),
    ("no", Duration::from_secs(30)),
];

/// Writers at the same time.
const WRITERS: usize = 8;

/// Power cuts for each setting, and the time before each.
const CUTS: usize = 5;
const BETWEEN: Duration = Duration::from_secs(4);

/// Appends messages, cuts the power, and counts the acknowledged messages that are gone. Under `always`
/// none may be.
pub(crate) async fn count() -> Result<bool, Failure> {
    let mut holds = true;
    for (setting, unsynced) in SETTINGS {
        let (mut acknowledged, mut lost) = (0, 0);
        let files = tempfile::tempdir()?;
        let directory = files.path().to_str().ok_or("a path that is no text")?;
        let settings = [
            "--dir",
            directory,
            "--appendonly",
            "yes",
            "--appendfsync",
            setting,
        ];
        let mut server = Redis::start_with(&settings).await;
        for _ in 0..CUTS {
            let appended = Appended::watch(files.path());
            let acks = append(&server.url()).await?;
            server.stop();
            appended.cut(unsynced)?;
            server.restart().await;
            let database = Database::Redis(server);
            let found = judge::state(&database).await?;
            acknowledged += acks.len();
            lost += acks
                .iter()
                .filter(|(id, text)| !found.says(id, text))
                .count();
            let Database::Redis(again) = database else {
                return Err("the server changed".into());
            };
            server = again;
        }
        say(&format!(
            "Redis with appendfsync {setting}: {lost} of {acknowledged} acknowledged messages lost by {CUTS} power cuts"
        ));
        holds &= acknowledged > 0 && (lost == 0 || setting != "always");
    }
    Ok(holds)
}

/// Appends messages to new conversations for a while; returns what was acknowledged.
async fn append(url: &str) -> Result<Vec<(String, String)>, Failure> {
    let store = RedisStateStore::open(url).await?;
    let over = Instant::now() + BETWEEN;
    let writers = (0..WRITERS).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut acks = Vec::new();
            let id = format!("weak-{}", uuid::Uuid::new_v4());
            let new = NewConversation::new(ConversationRecord::new(id.parse()?));
            let mut record = store.create(new).await?.into_record();
            while Instant::now() < over {
                let text = format!("[{}]", uuid::Uuid::new_v4());
                let fence = Fence::Head {
                    head: record.head,
                    turn: None,
                };
                let write =
                    StateWrite::new(&record, fence).with_append([Message::user(text.clone())]);
                record = store.apply(write).await?.record;
                acks.push((id.clone(), text));
                // As often as a few busy conversations do.
                sleep(Duration::from_millis(5)).await;
            }
            Ok::<_, Failure>(acks)
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut acks = Vec::new();
    for writer in writers {
        acks.extend(writer.await??);
    }
    Ok(acks)
}

/// How the file grew that Redis appends to.
struct Appended {
    file: PathBuf,
    sizes: Arc<Mutex<VecDeque<(Instant, u64)>>>,
    over: Arc<AtomicBool>,
    watcher: JoinHandle<()>,
}

impl Appended {
    /// Notes its size every few milliseconds.
    fn watch(directory: &Path) -> Self {
        let file = directory.join("appendonlydir/appendonly.aof.1.incr.aof");
        let sizes: Arc<Mutex<VecDeque<_>>> = Arc::default();
        let over = Arc::new(AtomicBool::new(false));
        let watcher = std::thread::spawn({
            let (file, sizes, over) = (file.clone(), Arc::clone(&sizes), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Acquire) {
                    let size = file.metadata().map_or(0, |found| found.len());
                    let mut sizes = sizes.lock().unwrap_or_else(PoisonError::into_inner);
                    sizes.push_back((Instant::now(), size));
                    drop(sizes);
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        });
        Self {
            file,
            sizes,
            over,
            watcher,
        }
    }

    /// Takes away what was written within a time: as much as may not have been synced. What was there at
    /// the start stays.
    fn cut(self, unsynced: Duration) -> Result<(), Failure> {
        self.over.store(true, Ordering::Release);
        let _ = self.watcher.join();
        if unsynced.is_zero() {
            return Ok(());
        }
        let sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = sizes.iter().rev().find(|(at, _)| at.elapsed() >= unsynced);
        let synced = before.or(sizes.front()).map_or(0, |(_, size)| *size);
        File::options()
            .write(true)
            .open(&self.file)?
            .set_len(synced)?;
        Ok(())
    }
}
