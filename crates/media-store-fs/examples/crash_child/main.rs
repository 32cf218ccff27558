//! The file store, to be crashed: the process that `prove_crash` kills, and its judge.
//!
//! `crash_child <plain|dedup>`, and what the kit appends.

#[cfg(target_os = "linux")]
mod disk;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let deduplication = match std::env::args().nth(1).as_deref() {
        Some("plain") => false,
        Some("dedup") => true,
        _ => {
            eprintln!("crash_child <plain|dedup> <directory> <order>");
            return std::process::ExitCode::FAILURE;
        }
    };
    media_storage_testkit::crash::child(&disk::Subject { deduplication })
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("crashes are only made on Linux");
}
