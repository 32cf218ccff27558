//! A point in an answer that a test holds.

use std::sync::Arc;

use tokio::sync::watch;

/// A point in a scripted answer at which it waits until the test opens it. Clones are the same
/// gate; an open gate stays open.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    open: watch::Sender<bool>,
    waiting: watch::Sender<u32>,
}

impl Gate {
    /// Creates a closed gate.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            open: watch::Sender::new(false),
            waiting: watch::Sender::new(0),
        }))
    }

    /// Opens the gate: every answer that waits at it goes on.
    pub fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// Waits until an answer has reached the gate.
    pub async fn reached(&self) {
        let mut waiting = self.0.waiting.subscribe();
        // The sender lives as long as this gate.
        let _ = waiting.wait_for(|waiting| *waiting > 0).await;
    }

    pub(super) async fn pass(&self) {
        self.0.waiting.send_modify(|waiting| *waiting += 1);
        let mut open = self.0.open.subscribe();
        let _ = open.wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
