//! The peer as a child process: the example starts its own binary again with a hidden argument.
//!
//! A process of its own keeps the painter's memory out of the figures that the example prints. The child ends when its
//! standard input closes, which the system does for it when the parent is gone, however that came about.

use std::fmt;
use std::io::{self, BufRead as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStdin, Command};

use super::server;

/// Makes a binary of this package the peer instead of what it is otherwise.
pub const ARGUMENT: &str = "--local-peer";

/// How long the child may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The peer could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PeerError {
    /// The program could not start itself again, or not talk to the child.
    #[error("cannot start the local peer")]
    Start(#[source] io::Error),
    /// The child said something else than its port, or nothing.
    #[error("the local peer did not come up")]
    NotReady,
}

/// A running peer. Dropping it ends the child.
pub struct LocalPeer {
    port: u16,
    key: String,
    // Held, never written again: closing it is what ends the child.
    _lifeline: ChildStdin,
    _child: Child,
}

impl LocalPeer {
    /// Starts the current program as a peer and waits until it listens.
    ///
    /// # Errors
    /// When the process cannot be started or does not come up.
    pub async fn start() -> Result<Self, PeerError> {
        let program = std::env::current_exe().map_err(PeerError::Start)?;
        Self::start_program(Command::new(program).arg(ARGUMENT)).await
    }

    async fn start_program(command: &mut Command) -> Result<Self, PeerError> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        // Ctrl-C is meant for the example, which may still want an answer for the turn that it finishes.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(PeerError::Start)?;
        let (Some(mut lifeline), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(PeerError::NotReady);
        };
        // Through the pipe, since arguments are visible to every user of the machine.
        let key = format!("local-{}", uuid::Uuid::new_v4().simple());
        lifeline
            .write_all(format!("{key}\n").as_bytes())
            .await
            .map_err(PeerError::Start)?;
        lifeline.flush().await.map_err(PeerError::Start)?;
        let mut line = String::new();
        let mut stdout = BufReader::new(stdout);
        match tokio::time::timeout(START_LIMIT, stdout.read_line(&mut line)).await {
            Ok(read) => read.map_err(PeerError::Start)?,
            Err(_) => return Err(PeerError::NotReady),
        };
        let port = line.trim().parse().map_err(|_| PeerError::NotReady)?;
        Ok(Self {
            port,
            key,
            _lifeline: lifeline,
            _child: child,
        })
    }

    /// What a provider takes as base URL.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// The only key that this peer accepts; made anew for each start.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for LocalPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalPeer")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Runs the peer if the program was started with [`ARGUMENT`]; `None` means that it was not.
#[must_use]
pub fn run_if_asked() -> Option<io::Result<()>> {
    let asked = std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == ARGUMENT);
    asked.then(run)
}

fn run() -> io::Result<()> {
    let mut key = String::new();
    io::stdin().lock().read_line(&mut key)?;
    let (gone, parent_gone) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        // Nothing more is sent; the read ends when the parent closes the pipe or dies.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(gone);
        // Whatever is still being painted has nobody left who wants it.
        std::thread::sleep(Duration::from_millis(200));
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{port}")?;
        stdout.flush()?;
        drop(stdout);
        let stop = async move {
            let _ = parent_gone.await;
        };
        server::serve(listener, key.trim(), stop).await
    })
}
