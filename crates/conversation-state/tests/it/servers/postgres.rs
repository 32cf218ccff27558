//! PostgreSQL 15 with an empty cluster of its own.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::database::{DatabaseServer, run};
use super::install;

/// Where Debian puts it.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// The user that owns everything.
const USER: &str = "test";
/// The password of the user, for those that connect from outside the server's machine; connections
/// from 127.0.0.1 need it, too.
const PASSWORD: &str = "hush-hush-postgres";

/// A running PostgreSQL server whose only user needs a password. It offers no TLS.
#[derive(Debug)]
pub(crate) struct Postgres {
    server: DatabaseServer,
}

impl Postgres {
    /// Makes a cluster and starts the server, which is installed if it is missing.
    pub(crate) async fn start() -> Self {
        if !Path::new(PROGRAMS).join("postgres").exists() {
            install("postgresql");
        }
        // At once, without a checkpoint: what was committed is in the log.
        let server = DatabaseServer::new("postgresql", "QUIT");
        let password = server.directory().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        let root = owner(server.directory()) == 0;
        if root {
            let mut own: Vec<OsString> = ["chown", "-R", "postgres"].map(Into::into).into();
            own.push(server.directory().into());
            run(&own);
        }
        let mut line = as_server(root);
        line.push(program("initdb").into());
        line.push("-D".into());
        line.push(server.directory().join("data").into());
        line.push("--pwfile".into());
        line.push(password.into());
        line.extend(["-U", USER, "--auth=scram-sha-256", "--no-sync"].map(Into::into));
        line.extend(["--locale=C.UTF-8", "-E", "UTF8"].map(Into::into));
        run(&line);
        let mut postgres = Self { server };
        postgres.restart().await;
        postgres
    }

    /// Starts the server again after [`stop`](Self::stop).
    pub(crate) async fn restart(&mut self) {
        let data = self.server.directory().join("data");
        let mut line = as_server(owner(&data) != owner(Path::new("/proc/self")));
        line.push(program("postgres").into());
        line.push("-D".into());
        line.push(data.into());
        let port = format!("port={}", self.server.address().port());
        for setting in [
            "listen_addresses=127.0.0.1",
            &port,
            "unix_socket_directories=",
            // A crash of the machine is no part of the tests; that of the server is.
            "fsync=off",
            "max_connections=200",
            "shared_buffers=32MB",
        ] {
            line.push("-c".into());
            line.push(setting.into());
        }
        self.server.start(line, accepts).await;
    }

    /// Ends the server at once, as a crash does. Nothing that was committed is lost.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }

    /// Returns the address that the server listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Returns the password of the user.
    pub(crate) fn password(&self) -> &str {
        PASSWORD
    }

    /// Returns the URL for clients.
    pub(crate) fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// Returns the URL for clients that go through a proxy.
    pub(crate) fn url_at(&self, address: SocketAddr) -> String {
        format!("postgres://{USER}:{PASSWORD}@{address}/postgres")
    }
}

fn program(name: &str) -> PathBuf {
    Path::new(PROGRAMS).join(name)
}

fn owner(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().uid()
}

/// The server refuses to run as root.
fn as_server(root: bool) -> Vec<OsString> {
    let line = [
        "setpriv",
        "--reuid=postgres",
        "--regid=postgres",
        "--clear-groups",
    ];
    match root {
        true => line.map(Into::into).into(),
        false => Vec::new(),
    }
}

/// Whether the server asks for a login: it listens before it is ready.
async fn accepts(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        // The start of a session of protocol 3.0, as the user, for the database `postgres`.
        let mut message = vec![0, 3, 0, 0];
        for text in ["user", USER, "database", "postgres", ""] {
            message.extend(text.as_bytes());
            message.push(0);
        }
        let length = u32::try_from(message.len() + 4).unwrap_or_default();
        stream.write_all(&length.to_be_bytes()).await?;
        stream.write_all(&message).await?;
        // `R`: a request for authentication. `E` says that the server is starting.
        stream.read_u8().await
    };
    ask.await.is_ok_and(|kind: u8| kind == b'R')
}
