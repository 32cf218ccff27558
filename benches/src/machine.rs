//! Where it ran, and whether the machine is quiet.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::Result;

/// The processor, the number of its threads, the kernel and the load, as one line of text.
pub fn describe() -> String {
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1))
        .map_or("unknown processor", str::trim)
        .to_owned();
    let clock = cpu
        .lines()
        .find_map(|line| line.strip_prefix("cpu MHz")?.split(':').nth(1))
        .and_then(|text| text.trim().parse::<f64>().ok())
        .map_or(String::new(), |mhz| format!(" at {:.1} GHz", mhz / 1000.0));
    let sha = if cpu.contains(" sha_ni") {
        "SHA instructions"
    } else {
        "no SHA instructions"
    };
    let threads = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{model}{clock}, {threads} threads, {sha}; Linux {}",
        kernel.trim()
    )
}

/// The load averages of the last 1, 5 and 15 minutes.
pub fn load() -> String {
    read("/proc/loadavg")
        .split(' ')
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether this process goes before others; nothing where it does not.
pub fn priority() -> String {
    let stat = read("/proc/self/stat");
    // The name of the program, in brackets, may hold anything.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after.split_whitespace().collect();
    match (fields.get(38), fields.get(16)) {
        (Some(&("1" | "2")), _) => ", run with real-time priority".to_owned(),
        (_, Some(&nice)) if nice != "0" => format!(", run with a nice value of {nice}"),
        _ => String::new(),
    }
}

/// The kind of file system that a path lies on.
pub fn file_system(path: &Path) -> String {
    let mounts = read("/proc/self/mounts");
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            let (at, kind) = (words.next()?, words.next()?);
            path.starts_with(at).then(|| (at.len(), kind.to_owned()))
        })
        .max()
        .map_or_else(|| "unknown file system".to_owned(), |(_, kind)| kind)
}

/// Fails where a path has fewer bytes or files left.
///
/// # Errors
/// What is missing.
pub fn check_room(path: &Path, bytes: u64, files: u64) -> Result<()> {
    let stat = rustix::fs::statvfs(path)?;
    let free = stat.f_bavail * stat.f_frsize;
    if free < bytes {
        return Err(format!("{} MiB are free, {} are needed", free >> 20, bytes >> 20).into());
    }
    if stat.f_files > 0 && stat.f_favail < files {
        return Err(format!("{} files are free, {files} are needed", stat.f_favail).into());
    }
    Ok(())
}

/// Writes out what is dirty and waits until the disks have been quiet for two seconds, two minutes
/// at most.
///
/// # Errors
/// None that matters; the time spent is what it returns.
pub async fn settle() -> Result<Duration> {
    const QUIET: u64 = 2048;
    let start = Instant::now();
    tokio::task::spawn_blocking(rustix::fs::sync).await?;
    let (mut before, mut quiet) = (sectors_written(), 0);
    while quiet < 2 && start.elapsed() < Duration::from_secs(120) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = sectors_written();
        quiet = if now.saturating_sub(before) < QUIET {
            quiet + 1
        } else {
            0
        };
        before = now;
    }
    Ok(start.elapsed())
}

fn sectors_written() -> u64 {
    read("/proc/diskstats")
        .lines()
        .filter_map(|line| line.split_whitespace().nth(9)?.parse::<u64>().ok())
        .sum()
}

/// What this process has written so far through system calls, in bytes.
pub fn bytes_written() -> u64 {
    number_after("/proc/self/io", "wchar:")
}

/// Memory of this process now, in KiB.
pub fn resident() -> u64 {
    number_after("/proc/self/status", "VmRSS:")
}

/// The most memory of this process since [`forget_peak`], in KiB.
pub fn peak() -> u64 {
    number_after("/proc/self/status", "VmHWM:")
}

/// Starts anew to look for the most memory.
///
/// # Errors
/// Where the system does not allow it.
pub fn forget_peak() -> Result<()> {
    Ok(std::fs::write("/proc/self/clear_refs", "5")?)
}

/// Lets the system forget what it knows of files and names. For root only; whether it did.
pub fn drop_caches() -> bool {
    rustix::fs::sync();
    std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

fn number_after(file: &str, word: &str) -> u64 {
    read(file)
        .lines()
        .find_map(|line| {
            line.strip_prefix(word)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}
