//! Steps that run to their end whether the caller waits or not.

use std::sync::Arc;

use media_storage::backend::{CancelFlag, PendingReference};
use media_storage::{DeleteOptions, Operation, StorageError, StorageErrorKind};
use media_types::StorageReference;
use tokio::sync::oneshot;

use super::delete::delete;
use crate::shared::Shared;

/// Wraps a reference so that its media is deleted if the caller does not receive it.
fn pending(shared: Arc<Shared>, reference: StorageReference) -> PendingReference {
    PendingReference::new(reference, move |reference| {
        // Without a runtime the media is left in the store, as after the end of the process.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(async move {
                if let Err(error) = delete(&shared, &reference, &DeleteOptions::new()).await {
                    tracing::warn!(%error, "orphaned upload left in store");
                }
            }));
        }
    })
}

/// Runs the steps that make media visible in a task of their own. If the caller goes away, what was
/// stored is deleted.
pub(super) async fn commit<F>(
    shared: &Arc<Shared>,
    steps: impl FnOnce(Arc<Shared>, CancelFlag) -> F,
) -> Result<StorageReference, StorageError>
where
    F: Future<Output = Result<StorageReference, StorageError>> + Send + 'static,
{
    let cancelled = CancelFlag::new();
    let guard = cancelled.cancel_on_drop();
    let (sender, receiver) = oneshot::channel();
    let steps = steps(Arc::clone(shared), cancelled);
    let owner = Arc::clone(shared);
    drop(tokio::spawn(async move {
        let stored = steps.await.map(|reference| pending(owner, reference));
        // If the caller is gone, the reference is dropped here or in the channel.
        drop(sender.send(stored));
    }));
    let received = receiver.await;
    drop(guard);
    let stopped = || {
        shared
            .bucket(Operation::Store)
            .fail(StorageErrorKind::Unavailable)
            .with_reason("the runtime is shutting down")
    };
    Ok(received.map_err(|_| stopped())??.claim())
}
