//! Calls that nobody waits for any more: what they made is taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::StorageReference;

use crate::error::fail;
use crate::shared::Shared;

/// Whether the caller has dropped the future.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    /// Sets the flag when the returned guard is dropped.
    pub(crate) fn guard(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }

    /// Fails when the caller is gone.
    pub(crate) fn check(&self) -> Result<(), StorageError> {
        if self.0.load(Ordering::Acquire) {
            return Err(fail(StorageErrorKind::Other, Operation::Store)
                .with_reason("the caller did not wait"));
        }
        Ok(())
    }
}

/// Lives in the caller's future.
#[derive(Debug)]
pub(crate) struct CancelOnDrop(Cancelled);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}

/// A reference on its way to the caller. Dropped on the way, it deletes what it stands for.
#[derive(Debug)]
pub(crate) struct Minted {
    shared: Arc<Shared>,
    reference: Option<StorageReference>,
}

impl Minted {
    pub(crate) fn new(shared: &Arc<Shared>, reference: StorageReference) -> Self {
        Self {
            shared: Arc::clone(shared),
            reference: Some(reference),
        }
    }

    /// Hands it over.
    pub(crate) fn claim(mut self) -> Option<StorageReference> {
        self.reference.take()
    }
}

impl Drop for Minted {
    fn drop(&mut self) {
        if let Some(reference) = self.reference.take() {
            let shared = Arc::clone(&self.shared);
            off_runtime(move || {
                let options = media_storage::DeleteOptions::new();
                if let Err(error) = crate::delete::delete(&shared, &reference, &options) {
                    tracing::warn!(%error, "media that nobody waited for stays");
                }
            });
        }
    }
}

/// Runs blocking clean-up on a thread for it where there is a runtime, here where there is none.
pub(crate) fn off_runtime(work: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}
