//! Running children.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use tokio::sync::mpsc;

use crate::Result;

/// What a child said, and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) lines: Vec<String>,
    pub(crate) status: ExitStatus,
}

impl Ended {
    pub(crate) fn said(&self, start: &str) -> Option<&str> {
        self.lines
            .iter()
            .rev()
            .find_map(|line| line.strip_prefix(start))
    }
}

/// A child that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    said: Vec<String>,
}

fn command(what: &str, dir: &Path, url: &str, rest: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["child", what]).arg(dir).arg(url).args(rest);
    command.stdin(Stdio::null());
    Ok(command)
}

/// Starts a child.
pub(crate) fn start(what: &str, dir: &Path, url: &str, rest: &[&str]) -> Result<Running> {
    spawn(command(what, dir, url, rest)?)
}

/// Runs a child to its end.
pub(crate) async fn run(what: &str, dir: &Path, url: &str, rest: &[&str]) -> Result<Ended> {
    finish(start(what, dir, url, rest)?).await
}

/// Starts a child that waits on its input until [`Running::let_go`].
pub(crate) fn start_held(what: &str, dir: &Path, url: &str) -> Result<Running> {
    let mut command = command(what, dir, url, &[])?;
    command.stdin(Stdio::piped());
    spawn(command)
}

fn spawn(mut command: Command) -> Result<Running> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let out = child.stdout.take().ok_or("the child has no output")?;
    let (sender, lines) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(std::io::Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    Ok(Running {
        child,
        lines,
        said: Vec::new(),
    })
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Running {
    /// Kills the child, unless it has ended.
    pub(crate) fn kill(&mut self) {
        // It fails where the child has ended and was waited for.
        let _ = self.child.kill();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends the input of the child, on which it waits.
    pub(crate) fn let_go(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for a line with a start and returns the rest of it.
    pub(crate) async fn wait_for(&mut self, start: &str) -> Result<String> {
        while let Some(line) = self.lines.recv().await {
            self.said.push(line.clone());
            if let Some(rest) = line.strip_prefix(start) {
                return Ok(rest.to_owned());
            }
        }
        Err(format!("the child never said {start}: {:?}", self.said).into())
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id())?;
        let pid = rustix::process::Pid::from_raw(pid).ok_or("no process")?;
        rustix::process::kill_process(pid, signal)?;
        Ok(())
    }
}

/// Waits for the end of a child.
pub(crate) async fn finish(mut running: Running) -> Result<Ended> {
    let ended = tokio::task::spawn_blocking(move || -> Result<Ended> {
        let status = running.child.wait()?;
        let mut lines = std::mem::take(&mut running.said);
        while let Some(line) = running.lines.blocking_recv() {
            lines.push(line);
        }
        Ok(Ended { lines, status })
    });
    ended.await?
}
