//! What every example does before and after its own work.

use std::future::Future;
use std::process::ExitCode;

use tracing_subscriber::EnvFilter;

use crate::errors::Failure;
use crate::peer::process;

/// Runs an example to its end and reports its failure; in the child process that an example starts, runs the local peer
/// instead.
pub fn run<F>(example: impl FnOnce() -> F) -> ExitCode
where
    F: Future<Output = Result<(), Failure>>,
{
    let outcome = match process::run_if_asked() {
        Some(served) => served.map_err(|error| {
            Failure::new(
                "the local peer failed",
                "Set OPENAI_API_KEY to use a service instead",
            )
            .with_source(error)
        }),
        None => run_here(example),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprint!("{}", failure.report());
            ExitCode::FAILURE
        }
    }
}

fn run_here<F>(example: impl FnOnce() -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    // Silent unless asked: what matters is printed by the example itself.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    // Few threads, since each keeps freed memory for itself and would blur the figures that are printed.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(4)
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| {
        Failure::new(
            "cannot start the threads of the program",
            "Close other programs, then run this again",
        )
        .with_source(error)
    })?;
    runtime.block_on(example())
}
