//! Steps that run to their end whether the caller waits or not.

use std::sync::Arc;

use media_storage::backend::{CancelFlag, PendingReference};
use media_storage::{DeleteOptions, Operation, StorageError, StorageErrorKind};
use media_types::StorageReference;
use media_types::readable::causes;
use tokio::sync::oneshot;

use super::delete::delete;
use crate::error::aborted;
use crate::shared::Shared;

/// What becomes of media that was stored when its caller had gone away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unclaimed {
    /// It is deleted: nobody knows its id.
    Deleted,
    /// It stays: its id is known, and others may know that the media is there.
    Kept,
}

/// Wraps a reference so that its media is deleted if the caller does not receive it.
fn pending(
    shared: Arc<Shared>,
    reference: StorageReference,
    unclaimed: Unclaimed,
) -> PendingReference {
    PendingReference::new(reference, move |reference| {
        if unclaimed == Unclaimed::Kept {
            return;
        }
        // Without a runtime the media is left in the store, as after the end of the process.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            drop(runtime.spawn(async move {
                if let Err(error) = delete(&shared, &reference, &DeleteOptions::new()).await {
                    tracing::warn!(error = %causes(&error), "orphaned upload left in store");
                }
            }));
        }
    })
}

/// Runs the steps that make media visible in a task of their own, which ends if the caller goes away.
pub(super) async fn commit<F>(
    shared: &Arc<Shared>,
    unclaimed: Unclaimed,
    steps: impl FnOnce(Arc<Shared>, CancelFlag) -> F,
) -> Result<StorageReference, StorageError>
where
    F: Future<Output = Result<StorageReference, StorageError>> + Send + 'static,
{
    let steps = |shared, cancelled| {
        let steps = steps(shared, cancelled);
        async move { steps.await.map(Some) }
    };
    let committed = commit_some(shared, unclaimed, steps).await?;
    committed.ok_or_else(|| stopped(shared))
}

/// The error of steps that did not end.
fn stopped(shared: &Shared) -> StorageError {
    let error = shared.bucket(Operation::Store);
    let error = error.fail(StorageErrorKind::Unavailable);
    error.with_reason("the runtime is shutting down")
}

/// Runs steps as [`commit`] does that may make nothing visible, and return nothing then.
pub(super) async fn commit_some<F>(
    shared: &Arc<Shared>,
    unclaimed: Unclaimed,
    steps: impl FnOnce(Arc<Shared>, CancelFlag) -> F,
) -> Result<Option<StorageReference>, StorageError>
where
    F: Future<Output = Result<Option<StorageReference>, StorageError>> + Send + 'static,
{
    let cancelled = CancelFlag::new();
    let guard = cancelled.cancel_on_drop();
    let (sender, receiver) = oneshot::channel();
    let steps = steps(Arc::clone(shared), cancelled);
    let owner = Arc::clone(shared);
    let committing = tokio::spawn(async move {
        let stored = steps
            .await
            .map(|stored| stored.map(|reference| pending(owner, reference, unclaimed)));
        // If the caller is gone, the reference is dropped here or in the channel.
        drop(sender.send(stored));
    });
    let received = receiver.await;
    drop(guard);
    let Ok(stored) = received else {
        return Err(match committing.await {
            Err(error) => stopped(shared).with_source(aborted(error)),
            Ok(()) => stopped(shared),
        });
    };
    Ok(stored?.map(PendingReference::claim))
}
