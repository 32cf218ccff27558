//! The turn to work on an upload.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// Lets one request at a time work on an upload. A request that comes later asks the one before it to
/// stop: its client has lost the connection, or it would not have come.
#[derive(Debug)]
pub(super) struct Slot {
    turn: Arc<Mutex<()>>,
    arrivals: watch::Sender<u64>,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            turn: Arc::default(),
            arrivals: watch::Sender::new(0),
        }
    }
}

/// The turn of one request. The upload is free when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    number: u64,
    arrivals: watch::Receiver<u64>,
    _slot: Arc<Slot>,
    _guard: OwnedMutexGuard<()>,
}

impl Slot {
    /// Asks the current holder to stop, and waits for the turn.
    pub(super) async fn take(self: Arc<Self>) -> Turn {
        let mut number = 0;
        self.arrivals.send_modify(|arrivals| {
            *arrivals += 1;
            number = *arrivals;
        });
        let guard = Arc::clone(&self.turn).lock_owned().await;
        self.turn(number, guard)
    }

    /// Takes the turn unless somebody has it, who is not disturbed.
    pub(super) fn try_take(self: Arc<Self>) -> Option<Turn> {
        let guard = Arc::clone(&self.turn).try_lock_owned().ok()?;
        let number = *self.arrivals.borrow();
        Some(self.turn(number, guard))
    }

    fn turn(self: Arc<Self>, number: u64, guard: OwnedMutexGuard<()>) -> Turn {
        Turn {
            number,
            arrivals: self.arrivals.subscribe(),
            _slot: self,
            _guard: guard,
        }
    }
}

impl Turn {
    /// Returns a signal that completes when another request has come.
    pub(super) fn superseded(&self) -> impl Future<Output = ()> + Send + 'static {
        let (mut arrivals, number) = (self.arrivals.clone(), self.number);
        async move {
            // The sender lives as long as the turn.
            let _ = arrivals.wait_for(|arrivals| *arrivals > number).await;
        }
    }
}
