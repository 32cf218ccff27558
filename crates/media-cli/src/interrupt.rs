//! ^C and SIGTERM: the command is dropped, which every store and file survives.

use std::io;

use tokio::task::JoinError;

use crate::failure::{Exit, Failure, Outcome};

/// Runs a command until it ends or the process is asked to, also while it waits for a pipe: it is a task
/// of its own, and dropped when the runtime is.
pub(crate) async fn unless_interrupted(
    command: impl Future<Output = Outcome> + Send + 'static,
) -> Outcome {
    let signal =
        signal().map_err(|error| Failure::failed("failed to listen for signals").because(error))?;
    let mut command = tokio::spawn(command);
    tokio::select! {
        ended = &mut command => match ended.map_err(JoinError::try_into_panic) {
            Ok(outcome) => outcome,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(error)) => Err(Failure::failed("the command was ended").because(error)),
        },
        exit = signal => {
            command.abort();
            Ok(exit)
        }
    }
}

/// What is said of a command that was asked to end.
pub(crate) fn sentence(exit: Exit) -> Option<&'static str> {
    match exit {
        Exit::Interrupted => Some("the command was interrupted by ^C"),
        Exit::Terminated => Some("the command was ended by SIGTERM"),
        _ => None,
    }
}

#[cfg(unix)]
fn signal() -> io::Result<impl Future<Output = Exit>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => Exit::Interrupted,
            _ = terminated.recv() => Exit::Terminated,
        }
    })
}

#[cfg(not(unix))]
fn signal() -> io::Result<impl Future<Output = Exit>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
        Exit::Interrupted
    })
}
