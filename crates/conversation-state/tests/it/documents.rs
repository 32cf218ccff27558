//! The store of the example, over a directory.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use conversation_state::StateStore;
use conversation_state::conformance::{Harness, ManualClock};
use conversation_state::document::DocumentStateStore;
use tempfile::TempDir;

use crate::services::run_suite;

#[path = "../../examples/directory_store.rs"]
#[allow(dead_code, unreachable_pub, clippy::print_stdout)]
mod directory_store;

use directory_store::Directory;

struct DirectoryHarness {
    directory: TempDir,
    clock: ManualClock,
}

impl DirectoryHarness {
    async fn new() -> Self {
        let memory = Some(PathBuf::from("/dev/shm")).filter(|path| path.is_dir());
        let memory = memory.unwrap_or_else(std::env::temp_dir);
        Self {
            // Where nothing is slow to sync, if there is such a place.
            directory: tempfile::tempdir_in(memory).unwrap(),
            clock: ManualClock::new(),
        }
    }
}

#[async_trait]
impl Harness for DirectoryHarness {
    async fn open(&self) -> Arc<dyn StateStore> {
        let directory = Directory::open(self.directory.path()).unwrap();
        Arc::new(DocumentStateStore::with_clock(
            directory,
            self.clock.clock(),
        ))
    }

    async fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_of_the_example_keeps_every_promise() {
    run_suite("a directory", DirectoryHarness::new).await;
}
