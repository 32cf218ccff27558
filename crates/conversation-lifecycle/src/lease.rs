//! Leases of work that one node does at a time.

use std::convert::Infallible;
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
    /// work, however long it takes. A renewal that fails is tried again at the time of the next one.
    pub async fn renewed<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            never = self.keep_renewing() => match never {},
        }
    }

    async fn keep_renewing(&self) -> Infallible {
        loop {
            tokio::time::sleep(self.renew_every()).await;
            match self.renew().await {
                Ok(true) => {}
                Ok(false) => tracing::warn!(lease = self.name, "a lease was lost"),
                Err(error) => {
                    tracing::warn!(%error, lease = self.name, "a lease was not renewed");
                }
            }
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
