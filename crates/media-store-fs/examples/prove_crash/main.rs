//! Kills the file store at every system call, cuts its power, breaks it on purpose, and checks
//! that it keeps what it promises. `scripts/prove-crash.sh` builds and calls it:
//!
//! `prove_crash --child <program> --work <directory> [--short] [--only <scenario>]
//! [--mutant <name>=<program>]...`

#[cfg(target_os = "linux")]
mod proof;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    match proof::run() {
        Ok(code) => code,
        Err(error) => {
            println!("the proof could not be made: {error}");
            std::process::ExitCode::FAILURE
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("crashes are only made on Linux");
}
