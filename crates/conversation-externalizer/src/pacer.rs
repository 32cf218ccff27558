//! Long work that lets others run.

/// How many bytes are looked at between two points at which other tasks may run.
const SLICE: usize = 256 * 1024;

/// Counts the bytes that a task has looked at and lets other tasks run now and then.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    since_yield: usize,
    total: u64,
}

impl Pacer {
    /// Counts work; waits a turn of the runtime where enough has come together.
    pub(super) async fn spend(&mut self, bytes: usize) {
        self.total += bytes as u64;
        self.since_yield += bytes;
        if self.since_yield >= SLICE {
            self.since_yield = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Returns the number of bytes that were looked at.
    pub(super) fn total(&self) -> u64 {
        self.total
    }
}
