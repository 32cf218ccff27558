//! A database server on one port and one directory, which can be ended and started again.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use uuid::Uuid;

/// How long a server may take to answer; test machines are slow when busy.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// A watcher that ends the server when its input closes: when it is stopped, when the value is
/// dropped, or when this process is killed. The first argument is the signal, the second the
/// directory to remove if this process has not said otherwise.
const WATCH: &str = r#"signal=$1; directory=$2; shift 2
"$@" & server=$!
keep=; read -r keep; kill "-$signal" $server; wait $server
[ -n "$keep" ] || rm -rf "$directory""#;

/// A server with its directory. Dropping it ends the server and removes the directory.
#[derive(Debug)]
pub(crate) struct DatabaseServer {
    name: &'static str,
    signal: &'static str,
    directory: PathBuf,
    port: u16,
    running: Option<(Child, ChildStdin)>,
}

impl DatabaseServer {
    /// Makes a directory and chooses a port. Nothing runs yet.
    pub(crate) fn new(name: &'static str, signal: &'static str) -> Self {
        let directory = std::env::temp_dir().join(format!("{name}-{}", Uuid::new_v4()));
        fs::create_dir_all(&directory).unwrap();
        // Asked of the system; the servers cannot use a socket that is bound already.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self {
            name,
            signal,
            directory,
            port: listener.local_addr().unwrap().port(),
            running: None,
        }
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Starts the server, and waits until `ready` says that it answers.
    pub(crate) async fn start<F: Future<Output = bool>>(
        &mut self,
        command: Vec<OsString>,
        ready: impl Fn(SocketAddr) -> F,
    ) {
        let log = self.directory.join("log");
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let mut watcher = Command::new("sh")
            .args(["-c", WATCH, "sh", self.signal])
            .arg(&self.directory)
            .args(command)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let input = watcher.stdin.take().unwrap();
        self.running = Some((watcher, input));
        let deadline = Instant::now() + READY_WITHIN;
        while !ready(self.address()).await {
            let said = fs::read_to_string(&log).unwrap_or_default();
            assert!(
                Instant::now() < deadline,
                "{} is not ready: {said}",
                self.name
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the server at once, as a crash of its process does, and keeps its directory.
    pub(crate) fn stop(&mut self) {
        if let Some((mut watcher, mut input)) = self.running.take() {
            input.write_all(b"keep\n").unwrap();
            drop(input);
            watcher.wait().unwrap();
        }
    }
}

impl Drop for DatabaseServer {
    fn drop(&mut self) {
        if let Some((mut watcher, input)) = self.running.take() {
            drop(input);
            let _ = watcher.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Runs a command of the setup to its end.
pub(crate) fn run(command: &[OsString]) {
    let output = Command::new(&command[0])
        .args(&command[1..])
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
