//! A SQLite file in a directory that goes with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conversation_state::conformance::{Harness, ManualClock};
use conversation_state::{SqliteOptions, SqliteStateStore, StateStore};
use tempfile::TempDir;

#[derive(Debug)]
pub(crate) struct SqliteHarness {
    directory: TempDir,
    clock: ManualClock,
}

impl SqliteHarness {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: ManualClock::new(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("c.sqlite")
    }

    pub(crate) async fn store(&self) -> SqliteStateStore {
        let options = SqliteOptions::new().with_clock(self.clock.clock());
        let store = SqliteStateStore::open_with(self.path(), options).await;
        store.unwrap()
    }
}

#[async_trait]
impl Harness for SqliteHarness {
    async fn open(&self) -> Arc<dyn StateStore> {
        Arc::new(self.store().await)
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}
