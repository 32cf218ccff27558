//! A server process that ends with this process.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::ServerError;

/// How long a server may take to answer; test machines are slow when busy.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// A watcher that ends the server when its input closes: when the value is dropped, or when this
/// process is killed.
const WATCH: &str = r#""$@" & server=$!; cat >/dev/null; kill -9 $server"#;

/// A server process; dropping it ends the process.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    watcher: Child,
    input: Option<ChildStdin>,
    address: SocketAddr,
}

impl ServerProcess {
    /// Starts a command, which gets its port, and waits until it accepts connections.
    pub(crate) async fn start(
        name: &'static str,
        log: &Path,
        command: impl FnOnce(u16) -> Vec<std::ffi::OsString>,
    ) -> Result<Self, ServerError> {
        let port = free_port().await?;
        let output = File::create(log)?;
        let mut watcher = Command::new("sh")
            .args(["-c", WATCH, "sh"])
            .args(command(port))
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let input = watcher.stdin.take();
        let process = Self {
            watcher,
            input,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        };
        let deadline = Instant::now() + READY_WITHIN;
        while TcpStream::connect(process.address).await.is_err() {
            if Instant::now() > deadline {
                return Err(ServerError::NotReady {
                    name,
                    seconds: READY_WITHIN.as_secs(),
                    log: log.to_owned(),
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(process)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.watcher.wait();
    }
}

/// Returns a port that was free a moment ago; the servers cannot use a socket that is bound already.
async fn free_port() -> std::io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    Ok(listener.local_addr()?.port())
}
