//! Steps that run to their end whether the caller waits or not.

use std::sync::Arc;

use media_storage::{DeleteOptions, Operation, StorageError, StorageErrorKind};
use media_types::StorageReference;
use tokio::sync::oneshot;

use super::delete::delete;
use crate::body::Cancelled;
use crate::shared::Shared;

/// A reference that has not reached the caller yet. Dropping it deletes the media.
struct PendingReference {
    shared: Arc<Shared>,
    reference: Option<StorageReference>,
}

impl Drop for PendingReference {
    fn drop(&mut self) {
        let Some(reference) = self.reference.take() else {
            return;
        };
        // Without a runtime the media is left in the store, as after the end of the process.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let shared = Arc::clone(&self.shared);
            drop(runtime.spawn(async move {
                if let Err(error) = delete(&shared, &reference, &DeleteOptions::new()).await {
                    tracing::warn!(%error, "orphaned upload left in store");
                }
            }));
        }
    }
}

/// Runs the steps that make media visible in a task of their own. If the caller goes away, what was
/// stored is deleted.
pub(super) async fn commit<F>(
    shared: &Arc<Shared>,
    steps: impl FnOnce(Arc<Shared>, Cancelled) -> F,
) -> Result<StorageReference, StorageError>
where
    F: Future<Output = Result<StorageReference, StorageError>> + Send + 'static,
{
    let cancelled = Cancelled::default();
    let guard = cancelled.set_on_drop();
    let (sender, receiver) = oneshot::channel();
    let steps = steps(Arc::clone(shared), cancelled);
    let owner = Arc::clone(shared);
    drop(tokio::spawn(async move {
        let pending = steps.await.map(|reference| PendingReference {
            shared: owner,
            reference: Some(reference),
        });
        // If the caller is gone, the reference is dropped here or in the channel.
        drop(sender.send(pending));
    }));
    let received = receiver.await;
    drop(guard);
    let stopped = || {
        shared
            .bucket(Operation::Store)
            .fail(StorageErrorKind::Unavailable)
            .with_reason("the runtime is shutting down")
    };
    let mut pending = received.map_err(|_| stopped())??;
    pending.reference.take().ok_or_else(stopped)
}
