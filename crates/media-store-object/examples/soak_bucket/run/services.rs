//! The server and the proxy in front of it, each a process of its own.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::{Deserialize, Serialize};
use test_servers::moto::Moto;

use crate::run::{Protocol, Result};

/// Ends the server when its input closes: when it is no longer wanted, and also when this process is
/// killed.
const WATCH: &str = r#""$@" & server=$!; cat >/dev/null; kill -TERM $server; wait $server"#;

/// How to get at the bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) secret: String,
}

impl Access {
    fn path(directory: &Path, protocol: Protocol) -> PathBuf {
        directory.join(match protocol {
            Protocol::First => "access-first",
            Protocol::Second => "access",
        })
    }

    /// Saves how processes of a protocol get at the bucket.
    pub(crate) fn save(&self, directory: &Path, protocol: Protocol) -> Result<()> {
        let path = Self::path(directory, protocol);
        std::fs::write(path, serde_json::to_vec(self)?)?;
        Ok(())
    }

    pub(crate) fn load(directory: &Path, protocol: Protocol) -> Result<Self> {
        let json = std::fs::read(Self::path(directory, protocol))?;
        Ok(serde_json::from_slice(&json)?)
    }
}

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    S3,
    Moto,
}

/// A running server; it ends when dropped.
#[derive(Debug)]
pub(crate) enum Server {
    S3(
        Access,
        #[expect(dead_code, reason = "it ends when dropped")] TestServer,
    ),
    Moto(Moto),
}

impl Server {
    pub(crate) async fn start(kind: Kind, directory: &Path) -> Result<Self> {
        if kind == Kind::Moto {
            return Ok(Self::Moto(Moto::start().await?));
        }
        let directory = directory
            .to_str()
            .ok_or("the directory has a strange name")?;
        let mut server = TestServer::start(&["s3", "--dir", directory])?;
        let line = server.line()?;
        let mut words = line.split(' ').skip(1).map(str::to_owned);
        let mut word = || words.next().ok_or("the server told no credentials");
        let access = Access {
            key: word()?,
            secret: word()?,
            bucket: word()?,
            endpoint: server.endpoint.clone(),
        };
        Ok(Self::S3(access, server))
    }

    pub(crate) fn access(&self) -> Access {
        match self {
            Self::S3(access, _) => access.clone(),
            Self::Moto(moto) => Access {
                endpoint: moto.endpoint(),
                bucket: moto.bucket().to_owned(),
                key: moto.access_key().to_owned(),
                secret: moto.secret_key().to_owned(),
            },
        }
    }
}

/// A proxy that breaks requests.
#[derive(Debug)]
pub(crate) struct Proxy(TestServer);

impl Proxy {
    /// A proxy for processes of a protocol. A program that knows only the first does not look at the
    /// description of the store; it is hidden from those that are to be like it.
    pub(crate) fn start(
        access: &Access,
        per_mille: u64,
        seed: u64,
        protocol: Protocol,
    ) -> Result<Self> {
        let upstream = access.endpoint.trim_start_matches("http://");
        let (per_mille, seed) = (per_mille.to_string(), seed.to_string());
        let mut arguments = vec!["proxy", "--upstream", upstream];
        arguments.extend(["--faults", &per_mille, "--seed", &seed]);
        if protocol == Protocol::First {
            arguments.extend(["--hide", "/.store/format.json"]);
        }
        Ok(Self(TestServer::start(&arguments)?))
    }

    /// The way through it.
    pub(crate) fn access(&self, access: &Access) -> Access {
        Access {
            endpoint: self.0.endpoint.clone(),
            ..access.clone()
        }
    }

    /// Ends it; what it has seen. What it held back will not come any more.
    pub(crate) fn end(mut self) -> Result<String> {
        self.0.input = None;
        let mut told = Vec::new();
        for line in self.0.lines.by_ref() {
            told.push(line?);
        }
        Ok(told.join(", "))
    }
}

/// The program `test-server`, which lies beside the examples.
#[derive(Debug)]
pub(crate) struct TestServer {
    watcher: Child,
    input: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    endpoint: String,
}

impl TestServer {
    fn start(arguments: &[&str]) -> Result<Self> {
        let this = std::env::current_exe()?;
        let beside = this.parent().and_then(Path::parent);
        let program = beside
            .ok_or("no directory of programs")?
            .join("test-server");
        if !program.is_file() {
            return Err("test-server is not there; build it: -p test-servers --bins".into());
        }
        let mut watcher = Command::new("sh")
            .args(["-c", WATCH, "sh"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = watcher.stdin.take();
        let output = watcher.stdout.take().ok_or("a server has no output")?;
        let mut server = Self {
            watcher,
            input,
            lines: BufReader::new(output).lines(),
            endpoint: String::new(),
        };
        let line = server.line()?;
        let endpoint = line.strip_prefix("listening on ");
        server.endpoint = endpoint
            .ok_or("a server does not tell where it is")?
            .to_owned();
        Ok(server)
    }

    fn line(&mut self) -> Result<String> {
        Ok(self.lines.next().ok_or("a server ended at once")??)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.input = None;
        let _ = self.watcher.wait();
    }
}
