//! What a turn costs on our side: beside a bare HTTP call with the same body to the same server.
//!
//! ```text
//! measure_overhead [TURNS]
//! ```
//!
//! Run it by `scripts/bench.sh overhead`. The server is a thread of this process that answers at once.
//! Each round is one bare call and one turn of a new conversation, one after the other, so that a
//! machine whose speed drifts favors neither. Memory is what the allocator has handed out: the most
//! during one call, above what was held before it.

#[cfg(feature = "openai")]
mod heap;
#[cfg(feature = "openai")]
mod measure;
#[cfg(feature = "openai")]
mod server;

#[cfg(not(feature = "openai"))]
fn main() -> std::process::ExitCode {
    eprintln!("NOT RUN: this measures with the feature openai");
    std::process::ExitCode::from(2)
}

#[cfg(feature = "openai")]
fn main() -> std::process::ExitCode {
    use std::process::ExitCode;

    let turns = std::env::args().nth(1).and_then(|turns| turns.parse().ok());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let measured = runtime
        .map_err(Into::into)
        .and_then(|runtime| runtime.block_on(measure::run(turns.unwrap_or(2000))));
    match measured {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
