//! System calls of the threads of a child: listing them, and killing the child at one of them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Result;
use crate::run::{Ended, Running, finish, start_held};

/// What a child says before it waits for its tracer.
pub(crate) const READY: &str = "READY";

/// The threads of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thread {
    /// The one that runs the turn.
    Turn,
    /// The one that reads and writes files.
    Files,
}

/// A system call: of those of its name that a thread makes, the n-th.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) thread: Thread,
    pub(crate) name: String,
    pub(crate) nth: usize,
}

/// Returns the calls that a thread of a child makes, in their order.
pub(crate) async fn calls(dir: &Path, url: &str, thread: Thread) -> Result<Vec<Call>> {
    let trace = dir.join("trace");
    let to = trace.to_str().ok_or("no path in UTF-8")?;
    let ended = run(dir, url, thread, &["-o", to]).await?;
    if !ended.status.success() {
        return Err(format!("a turn that is only traced failed: {:?}", ended.lines).into());
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let trace = std::fs::read_to_string(trace)?;
    let names = trace.lines().filter_map(|line| line.split_once('('));
    let mut calls = Vec::new();
    for (name, _) in names.filter(|(name, _)| name.bytes().all(is_of_name)) {
        let nth = counts.entry(name.to_owned()).or_default();
        *nth += 1;
        calls.push(Call {
            thread,
            name: name.to_owned(),
            nth: *nth,
        });
    }
    Ok(calls)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Runs a child that is killed at a call.
pub(crate) async fn run_killed(dir: &Path, url: &str, call: &Call) -> Result<Ended> {
    let Call { thread, name, nth } = call;
    let trace = format!("trace={name}");
    let inject = format!("inject={name}:signal=SIGKILL:when={nth}");
    run(
        dir,
        url,
        *thread,
        &["-o", "/dev/null", "-e", &trace, "-e", &inject],
    )
    .await
}

async fn run(dir: &Path, url: &str, thread: Thread, options: &[&str]) -> Result<Ended> {
    let mut child = start_held("turn", dir, url)?;
    child.wait_for(READY).await?;
    let thread = find(&child, thread)?;
    let mut tracer = Command::new("strace");
    tracer.args(options).args(["-p", &thread.to_string()]);
    let tracer = tracer
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let tracer = Tracer(tracer);
    let tracer = tokio::task::spawn_blocking(|| tracer.attached()).await??;
    child.let_go();
    let ended = finish(child).await?;
    tokio::task::spawn_blocking(|| tracer.ended()).await??;
    Ok(ended)
}

/// Returns the id of a thread.
fn find(child: &Running, thread: Thread) -> Result<u32> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/{}/task", child.id()))? {
        let id: u32 = entry?.file_name().to_string_lossy().parse()?;
        if id != child.id() {
            files.push(id);
        }
    }
    match (thread, files.as_slice()) {
        (Thread::Turn, [_]) => Ok(child.id()),
        (Thread::Files, [id]) => Ok(*id),
        (_, others) => Err(format!("a child has {} more threads", others.len()).into()),
    }
}

/// A running strace. It is killed when this is dropped.
struct Tracer(Child);

impl Drop for Tracer {
    fn drop(&mut self) {
        // It fails where it has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Tracer {
    /// Waits until it traces.
    fn attached(mut self) -> Result<Self> {
        let mut said = BufReader::new(self.0.stderr.take().ok_or("no output of strace")?);
        let mut line = String::new();
        said.read_line(&mut line)?;
        if !line.trim_end().ends_with("attached") {
            return Err(format!("strace does not attach: {line}").into());
        }
        // What else it says is read, so that it need not wait.
        std::thread::spawn(move || said.lines().map_while(std::io::Result::ok).for_each(drop));
        Ok(self)
    }

    fn ended(mut self) -> Result<()> {
        self.0.wait()?;
        Ok(())
    }
}
