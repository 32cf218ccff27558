//! Many processes on one directory, killed at random, each with at most one live reference to one
//! of two contents, so that stores, deletes and sweeps of the same bytes race all the time.
//!
//! `scripts/prove-soak.sh` runs it: the file store first, which must lose nothing, then broken
//! variants, which must be caught. A soak that cannot catch those would prove nothing.
//!
//! # Map of `run`
//! - what a process does until it is killed (`worker`), and what it writes down (`journal`)
//! - who starts and kills them (`driver`), and who counts at the end (`truth`)
//! - the broken variants (`broken`)

#[cfg(target_os = "linux")]
mod run;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("processes are only killed on Linux");
}
