//! Leases of work that one node does at a time.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use conversation_state::{StateError, StateStore};
use media_types::readable::causes;
use tokio::time::Instant;
use uuid::Uuid;

use crate::core::Core;
use crate::error::{LifecycleError, LifecycleErrorKind as Kind};

/// How long a lease is held without a renewal, at most. Another node may go on when it is over.
const MAX_TTL: Duration = Duration::from_secs(60);

/// The right to do a piece of work, until it is released or its time is over.
#[derive(Debug)]
pub struct WorkLease {
    state: Arc<dyn StateStore>,
    name: String,
    owner: String,
    ttl: Duration,
    /// When the renewal that succeeded last was asked for.
    held_since: Mutex<Instant>,
}

impl WorkLease {
    /// Takes a lease, unless somebody else holds it, also in this process.
    ///
    /// # Errors
    /// Those of the state store.
    pub(crate) async fn take(core: &Core, name: String) -> Result<Option<Self>, StateError> {
        let lease = Self {
            state: Arc::clone(&core.state),
            name,
            owner: format!("{}/{}", core.node, Uuid::new_v4()),
            // An erasure waits as long as turns hold theirs, and not longer.
            ttl: core.options.lease_time().min(MAX_TTL),
            held_since: Mutex::new(Instant::now()),
        };
        Ok(lease.renew().await?.then_some(lease))
    }

    /// Holds the lease from now on; returns whether it is still ours.
    ///
    /// # Errors
    /// Those of the state store.
    pub async fn renew(&self) -> Result<bool, StateError> {
        let asked = Instant::now();
        let acquired = self.state.acquire_lease(&self.name, &self.owner, self.ttl);
        let is_held = acquired.await?;
        if is_held {
            *self.lock() = asked;
        }
        Ok(is_held)
    }

    /// Runs work to its end, and renews the lease until then: whoever waits for the lease waits for the
    /// work, however long it takes. A renewal that fails is tried again at the time of the next one. One
    /// that has begun is waited for, so that it does not come after a release.
    ///
    /// It goes on also when the lease is lost, as a write should whose outcome would not be known else.
    pub async fn renewed<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        match self.run(work.as_mut()).await {
            Some(done) => done,
            None => work.await,
        }
    }

    /// Runs work as [`renewed`](Self::renewed) does, and drops it where the lease is lost, or was not renewed
    /// within its time: nobody waits for it any more. A write to the state that it had begun may still happen.
    ///
    /// # Errors
    /// Those of the work; `LeaseLost`.
    pub async fn while_held<T, E: From<LifecycleError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let work = pin!(work);
        let done = self.run(work).await;
        done.unwrap_or_else(|| Err(lost().into()))
    }

    /// Runs work until it is done or the lease is lost.
    async fn run<T>(&self, mut work: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        loop {
            let next = Instant::now() + self.renew_every();
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = tokio::time::sleep_until(next.min(self.held_until())) => {}
            }
            let mut renewal = pin!(self.try_renewal());
            let is_held = tokio::select! {
                biased;
                done = &mut work => {
                    renewal.await;
                    return Some(done);
                }
                is_held = &mut renewal => is_held,
            };
            if !is_held {
                tracing::warn!(lease = self.name, "a lease was lost");
                return None;
            }
        }
    }

    /// Renews once. Returns whether the lease is held: for certain, or because its time is not over.
    async fn try_renewal(&self) -> bool {
        let until = self.held_until();
        // Later, somebody may have had it in between.
        if Instant::now() >= until {
            return false;
        }
        match tokio::time::timeout_at(until, self.renew()).await {
            Ok(Ok(is_held)) => is_held,
            Ok(Err(error)) => {
                tracing::warn!(error = %causes(&error), lease = self.name, "a lease was not renewed");
                true
            }
            Err(_) => false,
        }
    }

    /// Returns until when the lease is held without another renewal.
    fn held_until(&self) -> Instant {
        *self.lock() + self.ttl
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.held_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how often the lease is to be renewed.
    pub(crate) fn renew_every(&self) -> Duration {
        self.ttl / 4
    }

    /// Gives the lease up. Where that fails it ends by its time.
    pub async fn release(self) {
        if let Err(error) = self.state.release_lease(&self.name, &self.owner).await {
            tracing::debug!(error = %causes(&error), lease = self.name, "a lease was not released");
        }
    }
}

/// The failure of work that has lost its lease.
pub(crate) fn lost() -> LifecycleError {
    LifecycleError::new(Kind::LeaseLost).with_detail("the work took too long to renew its lease")
}
