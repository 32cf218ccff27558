//! Work that takes so long that it runs beside the tasks of the runtime.

use tokio::task::JoinError;

use crate::error::{StateError, StateErrorKind};

/// From how many bytes on JSON is encoded and decoded on a thread for blocking work.
#[cfg(any(feature = "postgres", feature = "redis"))]
const LARGE: usize = 256 << 10;

/// Encodes or decodes a number of bytes: on this thread, or on one for blocking work if they are many.
///
/// # Errors
/// `Unavailable` while the runtime shuts down.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) async fn convert<T: Send + 'static>(
    bytes: usize,
    operation: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StateError> {
    if bytes < LARGE {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| not_done(error, operation))
}

/// The failure of work that did not come to its end.
pub(crate) fn not_done(error: JoinError, operation: &'static str) -> StateError {
    let kind = match error.is_panic() {
        true => StateErrorKind::Panicked,
        // The runtime is shutting down.
        false => StateErrorKind::Unavailable,
    };
    StateError::new(kind, operation).with_source(error)
}
