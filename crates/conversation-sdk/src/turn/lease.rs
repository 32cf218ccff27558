//! The lease by which this process owns a running turn.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use conversation_state::{
    ConversationRecord, Fence, LeaseChange, LoadOptions, StateErrorKind, StateStore, StateWrite,
    TurnFence, Window,
};
use conversation_types::TurnId;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::parent::ParentTurn;
use super::stop::{StopReason, StopSignal};
use crate::policy::LeaseTimes;

/// Renews the lease of a running turn and looks for requests to end it, in a task of its own that
/// depends on neither the provider nor readers. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct LeaseKeeper {
    fence: TurnFence,
    times: LeaseTimes,
    renewed: Arc<Mutex<Instant>>,
    task: JoinHandle<()>,
}

/// A lease that was taken, and what its turn ends with.
pub(crate) struct TakenLease {
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) record: ConversationRecord,
    pub(crate) fence: TurnFence,
    pub(crate) times: LeaseTimes,
    pub(crate) stop: StopSignal,
    pub(crate) is_erased: EraseCheck,
    pub(crate) parent: Option<ParentTurn>,
    /// When the write was sent that took the lease: it runs from then on, however long the answer
    /// took.
    pub(crate) since: Instant,
}

/// What the task of a keeper needs.
struct Renewal {
    lease: TakenLease,
    renewed: Arc<Mutex<Instant>>,
}

/// A check whether the user of the conversation is being erased.
pub(crate) type EraseCheck =
    Arc<dyn Fn() -> futures_core::future::BoxFuture<'static, bool> + Send + Sync>;

impl LeaseKeeper {
    /// Keeps the lease of a turn that was just taken.
    pub(crate) fn start(runtime: &tokio::runtime::Handle, lease: TakenLease) -> Self {
        let renewed = Arc::new(Mutex::new(lease.since));
        let (fence, times) = (lease.fence.clone(), lease.times);
        let renewal = Renewal {
            lease,
            renewed: Arc::clone(&renewed),
        };
        Self {
            fence,
            times,
            renewed,
            task: runtime.spawn(renewal.run()),
        }
    }

    /// Returns the fence of writes under this lease.
    pub(crate) fn fence(&self) -> &TurnFence {
        &self.fence
    }

    /// Returns whether the lease was renewed so lately that something new may begin under it.
    pub(crate) fn is_fresh(&self) -> bool {
        self.freshness()()
    }

    /// Returns [`is_fresh`](Self::is_fresh), for those who begin something later.
    pub(crate) fn freshness(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let (renewed, stop_after) = (Arc::clone(&self.renewed), self.times.stop_after());
        move || lock(&renewed).elapsed() < stop_after
    }

    /// Notes that a write of the turn, sent at `since`, has renewed the lease.
    pub(crate) fn note_renewed(&self, since: Instant) {
        note(&self.renewed, since);
    }
}

impl Drop for LeaseKeeper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn note(renewed: &Mutex<Instant>, since: Instant) {
    let mut renewed = lock(renewed);
    *renewed = since.max(*renewed);
}

fn lock(renewed: &Mutex<Instant>) -> MutexGuard<'_, Instant> {
    renewed.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Renewal {
    /// Renews and looks until the turn is not ours any more. Looks that take long hold up no renewal.
    async fn run(self) {
        let times = self.lease.times;
        tokio::select! {
            () = every(times.renew_every(), || self.renew()) => {}
            () = every(times.renew_every(), || self.look_for_erasure()) => {}
            () = every(times.poll_every(), || self.look_at_parent()) => {}
            () = every(times.poll_every(), || self.look_for_cancellation()) => {}
        }
    }

    /// Renews the lease; returns whether the turn is still ours.
    async fn renew(&self) -> bool {
        let fence = Fence::Turn(self.lease.fence.clone());
        let write = StateWrite::new(&self.lease.record, fence)
            .with_lease(LeaseChange::Hold(self.lease.times.ttl()));
        let since = Instant::now();
        // One that takes as long as the lease is of no use any more, and the next one may be faster.
        let applied = tokio::time::timeout(self.lease.times.ttl(), self.lease.state.apply(write));
        let Ok(applied) = applied.await else {
            return true;
        };
        match applied {
            Ok(applied) => {
                note(&self.renewed, since);
                if applied.cancel_requested {
                    self.lease.stop.stop(StopReason::Cancelled);
                }
                true
            }
            Err(error) => {
                tracing::debug!(error = %media_types::readable::causes(&error), "a lease was not renewed");
                let reason = match error.kind() {
                    StateErrorKind::Conflict => StopReason::LeaseLost,
                    StateErrorKind::NotFound => StopReason::Deleted,
                    _ => return true,
                };
                self.lease.stop.stop(reason);
                false
            }
        }
    }

    /// Ends the turn where its user is being erased.
    async fn look_for_erasure(&self) -> bool {
        if (self.lease.is_erased)().await {
            self.lease.stop.stop(StopReason::Deleted);
        }
        true
    }

    /// Ends the turn with that of its parent.
    async fn look_at_parent(&self) -> bool {
        let Some(parent) = &self.lease.parent else {
            return true;
        };
        // What cannot be told now is told by the next look.
        if let Ok(true) = parent
            .has_ended(&*self.lease.state, self.lease.times.ttl())
            .await
        {
            self.lease.stop.stop(StopReason::Cancelled);
        }
        true
    }

    /// Looks for a request to end the turn; returns whether there is none.
    async fn look_for_cancellation(&self) -> bool {
        let options = LoadOptions::new(Window::MetadataOnly);
        let Ok(loaded) = self.lease.state.load(&self.lease.record.id, options).await else {
            return true;
        };
        let reason = match loaded {
            None => StopReason::Deleted,
            Some(loaded) if loaded.record.incarnation != self.lease.record.incarnation => {
                StopReason::Deleted
            }
            Some(loaded)
                if loaded.record.status == conversation_state::ConversationStatus::Deleting =>
            {
                StopReason::Deleted
            }
            Some(loaded) => match loaded.current_turn() {
                Some(turn) if is_ours(turn.id.clone(), turn.epoch, &self.lease.fence) => {
                    match turn.cancel_requested {
                        true => StopReason::Cancelled,
                        false => return true,
                    }
                }
                _ => StopReason::LeaseLost,
            },
        };
        self.lease.stop.stop(reason);
        false
    }
}

fn is_ours(turn: TurnId, epoch: u64, fence: &TurnFence) -> bool {
    turn == fence.turn && epoch == fence.epoch
}

/// Runs a step again and again, until it says that there is no need any more.
async fn every<Step: Future<Output = bool>>(period: Duration, step: impl Fn() -> Step) {
    let period = period.max(Duration::from_millis(1));
    loop {
        tokio::time::sleep(period).await;
        if !step().await {
            return;
        }
    }
}
