//! Leases of work that one node does at a time.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use conversation_state::{StateError, StateStore};
use uuid::Uuid;

use crate::core::Core;

/// How long a lease is held without a renewal, at most. Another node may go on when it is over.
const MAX_TTL: Duration = Duration::from_secs(60);

/// The right to do a piece of work, until it is released or its time is over.
#[derive(Debug)]
pub struct WorkLease {
    state: Arc<dyn StateStore>,
    name: String,
    owner: String,
    ttl: Duration,
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
        };
        Ok(lease.renew().await?.then_some(lease))
    }

    /// Holds the lease from now on; returns whether it is still ours.
    ///
    /// # Errors
    /// Those of the state store.
    pub async fn renew(&self) -> Result<bool, StateError> {
        let acquired = self.state.acquire_lease(&self.name, &self.owner, self.ttl);
        acquired.await
    }

    /// Runs work to its end, and renews the lease until then: whoever waits for the lease waits for the
    /// work, however long it takes. A renewal that fails is tried again at the time of the next one. One
    /// that has begun is waited for, so that it does not come after a release.
    pub async fn renewed<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(self.renew_every()) => {}
            }
            let mut renewal = pin!(self.try_renewal());
            tokio::select! {
                biased;
                done = &mut work => {
                    renewal.await;
                    return done;
                }
                () = &mut renewal => {}
            }
        }
    }

    /// Renews once, for as long as the lease is held without a renewal at most.
    async fn try_renewal(&self) {
        match tokio::time::timeout(self.ttl, self.renew()).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => tracing::warn!(lease = self.name, "a lease was lost"),
            Ok(Err(error)) => tracing::warn!(%error, lease = self.name, "a lease was not renewed"),
            Err(_) => tracing::warn!(lease = self.name, "a renewal of a lease took too long"),
        }
    }

    /// Returns how often the lease is to be renewed.
    pub(crate) fn renew_every(&self) -> Duration {
        self.ttl / 4
    }

    /// Gives the lease up. Where that fails it ends by its time.
    pub async fn release(self) {
        if let Err(error) = self.state.release_lease(&self.name, &self.owner).await {
            tracing::debug!(%error, lease = self.name, "a lease was not released");
        }
    }
}
