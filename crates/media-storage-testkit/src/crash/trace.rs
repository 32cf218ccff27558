//! `strace`: attaching it, reading its log, naming the points where a child can be killed.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Calls that a store may make to its files. Those that this machine does not know are passed over.
const CALLS: &[&str] = &[
    "open",
    "openat",
    "openat2",
    "creat",
    "close",
    "stat",
    "lstat",
    "fstat",
    "newfstatat",
    "statx",
    "access",
    "faccessat",
    "faccessat2",
    "read",
    "pread64",
    "preadv",
    "write",
    "pwrite64",
    "pwritev",
    "lseek",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "rmdir",
    "symlink",
    "symlinkat",
    "readlink",
    "readlinkat",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "syncfs",
    "flock",
    "fcntl",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "utimensat",
    "getdents64",
    "truncate",
    "ftruncate",
    "fallocate",
    "copy_file_range",
    "sendfile",
    "splice",
    "setxattr",
    "fsetxattr",
    "io_uring_enter",
];

/// Those that change what is on the disk, or make it durable.
const MUTATING: &[&str] = &[
    "creat",
    "write",
    "pwrite64",
    "pwritev",
    "link",
    "linkat",
    "unlink",
    "unlinkat",
    "rename",
    "renameat",
    "renameat2",
    "mkdir",
    "mkdirat",
    "rmdir",
    "symlink",
    "symlinkat",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "syncfs",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "utimensat",
    "truncate",
    "ftruncate",
    "fallocate",
    "copy_file_range",
    "sendfile",
    "splice",
    "setxattr",
    "fsetxattr",
    "io_uring_enter",
];

/// One call of a thread.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The thread that made it.
    pub thread: u32,
    /// Its name.
    pub name: String,
    /// The how-manieth of this name it is in its thread, from 1.
    pub number: u32,
    /// The rest of its line in the log.
    pub detail: String,
}

impl Call {
    /// Whether it changes the disk or makes it durable.
    pub fn is_mutating(&self) -> bool {
        MUTATING.contains(&self.name.as_str())
            || self.name.starts_with("open") && self.detail.contains("O_CREAT")
    }

    /// Whether it asks for durability.
    pub fn is_sync(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync" | "syncfs")
    }
}

/// Where a child is killed: before its thread's n-th call of a name is done, or after everything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Point {
    /// On entry to the n-th call of a name.
    Call {
        /// The name.
        name: String,
        /// Which of this name, in its thread, from 1.
        number: u32,
        /// Position among all calls of the reference run, from 1.
        position: usize,
    },
    /// After the last acknowledgement.
    End,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call {
                name,
                number,
                position,
            } => write!(f, "call {position}, {name} number {number}"),
            Self::End => f.write_str("the end"),
        }
    }
}

/// The calls of a run, in order.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    calls: Vec<Call>,
}

impl Trace {
    /// The calls.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// How many calls ask for durability.
    pub fn syncs(&self) -> usize {
        self.calls.iter().filter(|call| call.is_sync()).count()
    }

    /// Every call as a point. One call of two threads that has the same name and number is one
    /// point: whichever thread gets there first is killed there.
    pub(super) fn points(&self, concerns: impl Fn(&Call) -> bool) -> Vec<Point> {
        let mut points: Vec<Point> = Vec::new();
        for (at, call) in self.calls.iter().enumerate() {
            let known = points.iter().any(|point| {
                matches!(point, Point::Call { name, number, .. }
                    if *name == call.name && *number == call.number)
            });
            if concerns(call) && !known {
                points.push(Point::Call {
                    name: call.name.clone(),
                    number: call.number,
                    position: at + 1,
                });
            }
        }
        points
    }

    /// Whether this run, which was killed, was killed at a point.
    pub(super) fn ends_at(&self, point: &Point) -> bool {
        match (point, self.calls.last()) {
            (Point::Call { name, number, .. }, Some(last)) => {
                last.name == *name && last.number == *number
            }
            _ => false,
        }
    }

    /// Reads a log written with `-f -o`.
    pub(super) fn parse(log: &str) -> Self {
        let mut counts: HashMap<(u32, &str), u32> = HashMap::new();
        let mut calls = Vec::new();
        for line in log.lines() {
            let Some((thread, rest)) = line.split_once(' ') else {
                continue;
            };
            let Ok(thread) = thread.parse() else {
                continue;
            };
            // Signals and ends of threads, and second halves of calls, begin otherwise.
            let rest = rest.trim_start();
            let Some((name, detail)) = rest.split_once('(') else {
                continue;
            };
            if !CALLS.contains(&name) {
                continue;
            }
            let count = counts.entry((thread, name)).or_default();
            *count += 1;
            calls.push(Call {
                thread,
                name: name.to_owned(),
                number: *count,
                detail: detail.to_owned(),
            });
        }
        Self { calls }
    }
}

/// What is done to a call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Injection<'a> {
    Nothing,
    Kill(&'a Point),
    /// The call is skipped, and its caller receives success.
    Drop(&'a str, u32),
}

/// Attaches to all threads of a process; returns once it is attached.
pub(super) fn attach(process: u32, log: &Path, injection: Injection<'_>) -> io::Result<Child> {
    let traced: Vec<String> = CALLS.iter().map(|name| format!("?{name}")).collect();
    let mut command = Command::new("strace");
    command
        .args(["-f", "-e", "signal=none", "-s", "16", "-o"])
        .arg(log)
        .arg("-e")
        .arg(format!("trace={}", traced.join(",")));
    match injection {
        Injection::Kill(Point::Call { name, number, .. }) => {
            let inject = format!("inject={name}:signal=SIGKILL:when={number}");
            command.args(["-e", &inject]);
        }
        Injection::Drop(name, number) => {
            let inject = format!("inject={name}:retval=0:when={number}");
            command.args(["-e", &inject]);
        }
        Injection::Nothing | Injection::Kill(Point::End) => {}
    }
    command.args(["-p", &process.to_string()]);
    let mut strace = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let errors = strace.stderr.take().expect("it is piped");
    let mut errors = BufReader::new(errors);
    let mut said = String::new();
    loop {
        let start = said.len();
        if errors.read_line(&mut said)? == 0 {
            let _ = strace.wait();
            let reason = format!("strace does not attach: {}", said.trim());
            return Err(io::Error::other(reason));
        }
        if said[start..].contains("attached") {
            // Later output must not block the process.
            std::thread::spawn(move || io::copy(&mut errors, &mut io::sink()));
            return Ok(strace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_by_thread_and_name() {
        let log = "7 linkat(3, \"a\", 4, \"b\", 0) = 0\n\
                   8 fsync(5) = 0\n\
                   7 linkat(3, \"a\", 4, \"c\", 0 <unfinished ...>\n\
                   8 fsync(6) = ?\n\
                   7 <... linkat resumed>) = 0\n\
                   7 readv(0, [], 1) = 1\n\
                   7 +++ killed by SIGKILL +++\n";
        let trace = Trace::parse(log);
        let seen: Vec<_> = trace
            .calls()
            .iter()
            .map(|call| (call.thread, call.name.as_str(), call.number))
            .collect();
        assert_eq!(
            seen,
            [
                (7, "linkat", 1),
                (8, "fsync", 1),
                (7, "linkat", 2),
                (8, "fsync", 2)
            ]
        );
        assert_eq!(trace.syncs(), 2);
        let points = trace.points(Call::is_sync);
        assert_eq!(points.len(), 2);
        assert!(trace.ends_at(&points[1]) && !trace.ends_at(&points[0]));
    }
}
