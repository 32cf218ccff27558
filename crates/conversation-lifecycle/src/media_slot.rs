//! What holds off an erasure while media is stored.

use conversation_state::StateError;

use crate::error::LifecycleError;
use crate::lease::WorkLease;

/// A slot of a user while media is stored and the write that names it is made; nothing for media of nobody.
///
/// Code of the application should not run under it, since an erasure of the user waits for it.
#[derive(Debug, Default)]
pub struct MediaSlot(Option<WorkLease>);

impl From<WorkLease> for MediaSlot {
    fn from(lease: WorkLease) -> Self {
        Self(Some(lease))
    }
}

impl MediaSlot {
    /// Runs work that stores media, as long as the slot is held. Where it fails, the slot is given up.
    ///
    /// # Errors
    /// Those of the work; `LeaseLost`.
    pub async fn storing<T, E: From<LifecycleError>>(
        self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<(T, Self), E> {
        match self.while_held(work).await {
            Ok(done) => Ok((done, self)),
            Err(error) => {
                self.release().await;
                Err(error)
            }
        }
    }

    /// Runs the write that names the media to its end, and gives the slot up. A slot that is lost before the end stops
    /// no write, since nobody would know whether it happened.
    pub async fn writing<T>(self, work: impl Future<Output = T>) -> T {
        let written = self.renewed(work).await;
        self.release().await;
        written
    }

    /// Holds the slot from now on; returns whether it is still ours.
    pub(crate) async fn renew(&self) -> Result<bool, StateError> {
        match &self.0 {
            Some(lease) => lease.renew().await,
            None => Ok(true),
        }
    }

    /// Runs work that stores, and drops it where the slot is lost.
    pub(crate) async fn while_held<T, E: From<LifecycleError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match &self.0 {
            Some(lease) => lease.while_held(work).await,
            None => work.await,
        }
    }

    /// Runs work to its end, whatever happens to the slot.
    pub(crate) async fn renewed<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.0 {
            Some(lease) => lease.renewed(work).await,
            None => work.await,
        }
    }

    pub(crate) async fn release(self) {
        if let Some(lease) = self.0 {
            lease.release().await;
        }
    }
}
