//! Media whose caller no longer waits for it is deleted.

use std::sync::Arc;

use media_storage::DeleteOptions;
use media_storage::backend::PendingReference;
use media_types::StorageReference;
use media_types::readable::causes;

use crate::delete::delete;
use crate::shared::Shared;

/// Wraps a reference so that its media is deleted if the caller does not receive it.
pub(crate) fn pending(shared: &Arc<Shared>, reference: StorageReference) -> PendingReference {
    let shared = Arc::clone(shared);
    PendingReference::new(reference, move |reference| {
        off_runtime(move || {
            if let Err(error) = delete(&shared, &reference, &DeleteOptions::new()) {
                tracing::warn!(error = %causes(&error), "orphaned upload left in store");
            }
        });
    })
}

/// Runs blocking cleanup on a blocking thread if there is a runtime, and in place if there is none.
pub(crate) fn off_runtime(work: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}
