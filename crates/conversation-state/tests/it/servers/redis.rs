//! Redis with a directory of its own.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::database::DatabaseServer;
use super::install;

const PASSWORD: &str = "hush-hush-redis";

/// A running Redis server that needs a password. It offers no TLS.
#[derive(Debug)]
pub(crate) struct Redis {
    server: DatabaseServer,
    settings: Vec<String>,
}

impl Redis {
    /// Starts a server that appends every write to a file and syncs it before it answers.
    pub(crate) async fn start() -> Self {
        Self::start_with(&["--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// Starts a server with settings, such as `--maxmemory` and `8mb`. The server is installed if it
    /// is missing.
    pub(crate) async fn start_with(settings: &[&str]) -> Self {
        let version = Command::new("redis-server")
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if !version.is_ok_and(|status| status.success()) {
            install("redis");
        }
        let mut redis = Self {
            server: DatabaseServer::new("redis", "KILL"),
            settings: settings.iter().map(ToString::to_string).collect(),
        };
        redis.restart().await;
        redis
    }

    /// Starts the server again after [`stop`](Self::stop).
    pub(crate) async fn restart(&mut self) {
        let port = self.server.address().port().to_string();
        let mut line: Vec<OsString> = vec!["redis-server".into()];
        line.extend(["--bind", "127.0.0.1", "--port", &port].map(Into::into));
        line.extend(["--save", "", "--requirepass", PASSWORD].map(Into::into));
        line.extend(["--dir".into(), self.server.directory().into()]);
        line.extend(self.settings.iter().map(Into::into));
        self.server.start(line, accepts).await;
    }

    /// Kills the server.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }

    /// Returns the address that the server listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Returns the password.
    pub(crate) fn password(&self) -> &str {
        PASSWORD
    }

    /// Returns the URL for clients.
    pub(crate) fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// Returns the URL for clients that go through a proxy.
    pub(crate) fn url_at(&self, address: SocketAddr) -> String {
        format!("redis://:{PASSWORD}@{address}")
    }
}

/// Whether the server has loaded its files.
async fn accepts(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let ask = format!("AUTH {PASSWORD}\r\nPING\r\n");
        stream.write_all(ask.as_bytes()).await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    ask.await.is_ok_and(|answer| answer == *b"+OK\r\n+PONG\r\n")
}
