//! Shows what `media-history` promises, with figures.
//!
//! ```text
//! prove_history round-trip [--short]   generated histories: all media found, nothing else, all comes back
//! prove_history memory [--short]       a large history, and one large value, in bounded memory
//! prove_history speed [--short]        beside decoding, hashing and writing by hand
//! prove_history scan                   text without media alone, for a profiler
//! prove_history slim|restore FILE OUT STORE   one file, for other programs to read
//! ```
//!
//! Run it by `scripts/prove-history.sh` and `scripts/bench.sh history`, which build it as users do.

mod files;
#[path = "../../tests/support/generate/mod.rs"]
#[allow(unreachable_pub, clippy::unwrap_used, missing_docs)]
mod generate;
mod memory;
mod round_trip;
mod speed;
mod typed;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    use std::process::ExitCode;

    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let short = words.contains(&"--short");
    let ended = match words.as_slice() {
        ["round-trip", ..] => round_trip::run(short).await,
        ["memory", ..] => memory::run(short),
        ["memory-of", case, mib] => memory::run_case(case, mib).await,
        ["speed", ..] => speed::run(short).await,
        ["scan"] => speed::scan().await,
        ["slim", file, out, store] => files::slim(file, out, store).await,
        ["restore", file, out, store] => files::restore(file, out, store).await,
        _ => Err("usage: prove_history round-trip|memory|speed [--short]".into()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::from(2)
        }
    }
}
