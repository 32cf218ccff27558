//! Work that goes on when its caller goes.

use std::future::Future;

use crate::core::Core;
use crate::error::{LifecycleError, LifecycleErrorKind as Kind};

/// Runs steps to their end, also when the caller's future is dropped.
pub(crate) async fn on_task<T: Send + 'static>(
    core: &Core,
    steps: impl Future<Output = Result<T, LifecycleError>> + Send + 'static,
) -> Result<T, LifecycleError> {
    let joined = core.tasks.spawn(steps).await;
    joined.unwrap_or_else(|error| {
        let kind = match error.is_panic() {
            true => Kind::Panicked,
            false => Kind::Cancelled,
        };
        Err(LifecycleError::new(kind).with_source(error))
    })
}
