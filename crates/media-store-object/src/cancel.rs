//! Calls that nobody waits for any more: what they made is taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use media_storage::{DeleteOptions, Operation, StorageError, StorageErrorKind};
use media_types::StorageReference;
use tokio::sync::oneshot;

use crate::delete::delete;
use crate::shared::Shared;

/// Whether the caller has dropped the future.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    /// Whether the caller is gone.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Fails when the caller is gone.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        if self.is_set() {
            return Err(StorageError::new(StorageErrorKind::Other, Operation::Store)
                .with_reason("the caller did not wait"));
        }
        Ok(())
    }
}

/// Lives in the caller's future.
struct CancelOnDrop(Cancelled);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

/// A reference on its way to the caller. Dropped on the way, it deletes what it stands for.
struct Minted {
    shared: Arc<Shared>,
    reference: Option<StorageReference>,
}

impl Drop for Minted {
    fn drop(&mut self) {
        let Some(reference) = self.reference.take() else {
            return;
        };
        // Without a runtime the store is an orphan of its scope, as after the end of the process.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let shared = Arc::clone(&self.shared);
            drop(runtime.spawn(async move {
                if let Err(error) = delete(&shared, &reference, &DeleteOptions::new()).await {
                    tracing::warn!(%error, "media that nobody waited for stays");
                }
            }));
        }
    }
}

/// Runs the steps that make media visible on a task of their own, so that they always come to an
/// end: that of the caller if it waits, else that of leaving nothing behind.
pub(crate) async fn commit<F>(
    shared: &Arc<Shared>,
    steps: impl FnOnce(Arc<Shared>, Cancelled) -> F,
) -> Result<StorageReference, StorageError>
where
    F: Future<Output = Result<StorageReference, StorageError>> + Send + 'static,
{
    let cancelled = Cancelled::default();
    let guard = CancelOnDrop(cancelled.clone());
    let (sender, receiver) = oneshot::channel();
    let steps = steps(Arc::clone(shared), cancelled);
    let owner = Arc::clone(shared);
    drop(tokio::spawn(async move {
        let minted = steps.await.map(|reference| Minted {
            shared: owner,
            reference: Some(reference),
        });
        // A caller that is gone drops what it would have been given, here or in the channel.
        drop(sender.send(minted));
    }));
    let received = receiver.await;
    drop(guard);
    let stopped = || {
        shared
            .bucket(Operation::Store)
            .fail(StorageErrorKind::Unavailable)
            .with_reason("the runtime is shutting down")
    };
    let mut minted = received.map_err(|_| stopped())??;
    minted.reference.take().ok_or_else(stopped)
}
