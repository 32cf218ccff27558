//! Six processes on one bucket, behind a proxy that breaks requests, paused and killed at random.
//!
//! They store, read, change, delete and sweep a few contents, each with at most one live reference to one of
//! them, so that the bytes are given up, collected and stored anew all the time; beside them each
//! keeps some references that nobody else shares. `scripts/prove-protocol.sh` runs it: broken
//! variants first, which must be caught, then the store, which must lose nothing.
//!
//! # Map of `run`
//! - what a process does until it is killed (`worker`), how it asks the store (`client`), and what it
//!   writes down (`journal`)
//! - what is stored (`content`), what is in the bucket beneath the store (`beneath`)
//! - server and proxy (`services`), who starts, pauses and kills the processes (`driver`, `fleet`),
//!   and who counts at the end (`judge`)
//! - the broken variants (`broken`)

#[cfg(unix)]
mod run;

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(unix))]
fn main() {
    eprintln!("processes are paused by signals, which only Unix has");
}
