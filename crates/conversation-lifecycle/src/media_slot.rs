//! What holds off an erasure while media is stored.

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
        let Some(lease) = self.0 else {
            return Ok((work.await?, Self(None)));
        };
        match lease.while_held(work).await {
            Ok(done) => Ok((done, Self(Some(lease)))),
            Err(error) => {
                lease.release().await;
                Err(error)
            }
        }
    }

    /// Runs the write that names the media to its end, and gives the slot up. A slot that is lost before the end stops
    /// no write, since nobody would know whether it happened.
    pub async fn writing<T>(self, work: impl Future<Output = T>) -> T {
        let Some(lease) = self.0 else {
            return work.await;
        };
        let written = lease.renewed(work).await;
        lease.release().await;
        written
    }
}
