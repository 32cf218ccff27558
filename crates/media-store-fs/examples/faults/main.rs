//! The file store under faults: every error at every system call, and disks that are full,
//! read-only or without links. After each: the right kind of error or success, nothing left behind,
//! what was stored before unharmed, and the store works again.
//!
//! `scripts/prove-faults.sh` prepares the places and runs it.
//!
//! # Map of `run`
//! - what the store is asked to do (`scenario`) and what must be there after it (`world`)
//! - errors at the n-th system call, by strace (`inject`, with what to inject in `matrix`)
//! - faults of a whole place, made and ended by shell commands (`around`)

#[cfg(target_os = "linux")]
mod run;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    run::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("faults are only made on Linux");
}
