//! Tasks that ended without a result.

use tokio::task::JoinError;

/// Returns the error of a task that was aborted, since the runtime is shutting down.
///
/// # Panics
/// With the panic of the task, if it panicked: a defect is not a failure of the service.
pub(crate) fn aborted(error: JoinError) -> JoinError {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => error,
    }
}
