//! The processes of the service.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::Failure;
use crate::plan::Chance;

/// How many nodes there are.
pub(crate) const NODES: usize = 3;
/// How long a node may take to come up once its servers are there.
const UP_WITHIN: Duration = Duration::from_secs(120);

/// All nodes.
#[derive(Debug)]
pub(crate) struct Nodes {
    program: PathBuf,
    directory: PathBuf,
    environment: Vec<(&'static str, String)>,
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    process: tokio::sync::Mutex<Option<Child>>,
    address: Mutex<Option<String>>,
    running: Arc<AtomicUsize>,
}

/// A turn that somebody follows on a node.
#[derive(Debug)]
pub(crate) struct Following(Arc<AtomicUsize>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Nodes {
    /// Starts all nodes.
    pub(crate) async fn start(
        directory: &Path,
        environment: Vec<(&'static str, String)>,
    ) -> Result<Self, Failure> {
        let here = std::env::current_exe()?;
        let beside = here.with_file_name("chat-service");
        let above = here.parent().and_then(Path::parent);
        let built = above.map(|above| above.join("chat-service"));
        let program = match built {
            Some(built) if !beside.exists() => built,
            _ => beside,
        };
        let nodes = Self {
            program,
            directory: directory.to_owned(),
            environment,
            nodes: (0..NODES).map(|_| Node::default()).collect(),
        };
        for index in 0..NODES {
            nodes.bring_up(index).await?;
        }
        Ok(nodes)
    }

    /// Returns a node that is up, if there is one, and its address; not the one to avoid, where there is
    /// another.
    pub(crate) fn pick(&self, chance: &Chance, avoid: Option<usize>) -> Option<(usize, String)> {
        let mut up: Vec<(usize, String)> = (0..NODES)
            .filter_map(|index| Some((index, self.address(index)?)))
            .collect();
        if up.len() > 1 {
            up.retain(|(index, _)| Some(*index) != avoid);
        }
        (!up.is_empty()).then(|| up.swap_remove(chance.below(up.len())))
    }

    fn address(&self, index: usize) -> Option<String> {
        let address = &self.nodes[index].address;
        address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_address(&self, index: usize, address: Option<String>) {
        *self.nodes[index]
            .address
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Notes that a turn runs on a node until the value is dropped.
    pub(crate) fn follow(&self, index: usize) -> Following {
        let running = Arc::clone(&self.nodes[index].running);
        running.fetch_add(1, Ordering::AcqRel);
        Following(running)
    }

    /// Returns the number of turns that are followed on a node.
    pub(crate) fn running(&self, index: usize) -> usize {
        self.nodes[index].running.load(Ordering::Acquire)
    }

    /// Kills a node and starts it again.
    pub(crate) async fn kill(&self, index: usize) -> Result<(), Failure> {
        let node = &self.nodes[index];
        {
            let mut process = node.process.lock().await;
            if let Some(mut child) = process.take() {
                child.start_kill()?;
                self.set_address(index, None);
                child.wait().await?;
            }
        }
        self.bring_up(index).await
    }

    /// Starts a node; again where it ends, as a platform does.
    async fn bring_up(&self, index: usize) -> Result<(), Failure> {
        let deadline = Instant::now() + UP_WITHIN;
        loop {
            let spool = self.directory.join(format!("spool-{index}"));
            let spool = spool.to_str().ok_or("the directory is not UTF-8")?;
            let arguments = ["--listen", "127.0.0.1:0", "--spool", spool];
            let mut child = self.command(&format!("node-{index}.log"), &arguments)?;
            let stdout = child.stdout.take().ok_or("a node has no output")?;
            let mut line = String::new();
            let mut stdout = BufReader::new(stdout);
            let read = timeout(UP_WITHIN, stdout.read_line(&mut line)).await;
            if read.is_ok_and(|read| read.is_ok()) && line.starts_with("http://") {
                *self.nodes[index].process.lock().await = Some(child);
                self.set_address(index, Some(line.trim().to_owned()));
                return Ok(());
            }
            let _ = child.start_kill();
            child.wait().await?;
            if Instant::now() > deadline {
                return Err(format!("node {index} does not come up").into());
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Runs upkeep as a process of its own, and returns what it has done.
    pub(crate) async fn upkeep(&self, arguments: &[&str]) -> Result<serde_json::Value, Failure> {
        let child = self.command("upkeep.log", arguments)?;
        let output = child.wait_with_output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            return Err(format!("upkeep failed: {said}").into());
        }
        Ok(serde_json::from_str(&said)?)
    }

    fn command(&self, log: &str, arguments: &[&str]) -> Result<Child, Failure> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory.join(log))?;
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_remove("MEDIA_BUCKET")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true);
        Ok(command.spawn()?)
    }

    /// Asks all nodes to end, and returns how many did so in order.
    pub(crate) async fn stop(&self) -> Result<usize, Failure> {
        let mut ended = 0;
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(mut child) = node.process.lock().await.take() else {
                continue;
            };
            self.set_address(index, None);
            let id = child.id().unwrap_or_default().to_string();
            let mut kill = Command::new("kill");
            kill.args(["-TERM", &id]).status().await?;
            let status = timeout(UP_WITHIN, child.wait()).await??;
            ended += usize::from(status.success());
        }
        Ok(ended)
    }
}
