//! ^C and SIGTERM: the command is dropped, which every store and file survives.

use std::io;

use crate::failure::{Exit, Failure, Outcome};

/// Runs a command until it ends or the process is asked to.
pub(crate) async fn unless_interrupted(command: impl Future<Output = Outcome>) -> Outcome {
    let signal =
        signal().map_err(|error| Failure::failed("failed to listen for signals").because(error))?;
    tokio::select! {
        outcome = command => outcome,
        exit = signal => Ok(exit),
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
