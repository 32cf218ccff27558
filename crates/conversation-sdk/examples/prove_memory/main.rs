//! How much memory media takes on its way: measured in fresh processes, against bounds.
//!
//! ```text
//! prove_memory send [--short]     200 stored images of 5 MB in one request
//! prove_memory receive [--short]  an image of 50 MB from the images endpoint into a store
//! prove_memory store [--short]    1 GiB into a file store and out of it
//! ```
//!
//! Run it by `scripts/prove-memory.sh`, which builds it as users do. What is measured is the largest
//! resident set (`VmHWM`) above the resident set before, once everything is set up.

#[cfg(all(target_os = "linux", feature = "openai"))]
mod fill;
#[cfg(all(target_os = "linux", feature = "openai"))]
mod measure;
#[cfg(all(target_os = "linux", feature = "openai"))]
mod painter;
#[cfg(all(target_os = "linux", feature = "openai"))]
mod peer;
#[cfg(all(target_os = "linux", feature = "openai"))]
mod receive;
#[cfg(all(target_os = "linux", feature = "openai"))]
mod send;
#[cfg(all(target_os = "linux", feature = "openai"))]
mod store;

#[cfg(all(target_os = "linux", feature = "openai"))]
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[cfg(not(all(target_os = "linux", feature = "openai")))]
fn main() -> std::process::ExitCode {
    eprintln!("NOT RUN: this measures on Linux, with the feature openai");
    std::process::ExitCode::from(2)
}

#[cfg(all(target_os = "linux", feature = "openai"))]
#[tokio::main]
async fn main() -> std::process::ExitCode {
    use std::process::ExitCode;

    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let short = words.contains(&"--short");
    let ended = match words.as_slice() {
        ["send", ..] => send::run(short).await,
        ["receive", ..] => receive::run().await,
        ["store", ..] => store::run(short).await,
        // Child processes of the above.
        ["peer"] => peer::run().await.map(|()| true),
        ["painter"] => painter::run().await.map(|()| true),
        ["fill", dir, count, size] => fill::run(dir, count, size).await.map(|()| true),
        _ => Err("usage: prove_memory send|receive|store [--short]".into()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
