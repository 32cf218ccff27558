//! The files, and the servers that send them.

use std::collections::HashMap;
use std::io::BufRead as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use media_http::{LinkKeys, LinkSigner, MediaService};
use media_storage::layers::PeriodicVerification;
use media_storage::{
    MediaMetadata, MediaStorage, MediaStorageExt as _, Organization, SignedUrlOptions, Verification,
};
use media_store_fs::FileStore;
use media_types::{Mime, StorageReference};
use tower_http::services::ServeDir;

use crate::Result;

const SECRET: &str = "the secret of the servers of this bench";
/// Files of each size.
const FILES: usize = 4;

/// Who sends files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Verified,
    Hourly,
    Unverified,
    ServeDir,
    Nginx,
}

impl Contender {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Verified => "media-http, verified at each read",
            Self::Hourly => "media-http, verified once an hour",
            Self::Unverified => "media-http, size only",
            Self::ServeDir => "tower-http ServeDir",
            Self::Nginx => "nginx",
        }
    }

    fn argument(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Hourly => "hourly",
            Self::Unverified => "unverified",
            Self::ServeDir => "serve-dir",
            Self::Nginx => "nginx",
        }
    }

    /// Whether it is `media-http`.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Verified | Self::Hourly | Self::Unverified)
    }

    /// Whether it has to meet the goal. Hashing at each read leaves no room for that.
    pub(crate) fn has_goal(self) -> bool {
        matches!(self, Self::Hourly | Self::Unverified)
    }
}

/// The directory of a store.
pub(crate) struct Files {
    directory: tempfile::TempDir,
    store: FileStore,
    references: Vec<(&'static str, StorageReference)>,
}

impl Files {
    /// Stores files of these sizes.
    pub(crate) async fn create(sizes: &[(&'static str, usize)]) -> Result<Self> {
        let base = std::env::var_os("BENCH_DIR").unwrap_or_else(|| std::env::temp_dir().into());
        let directory = tempfile::Builder::new()
            .prefix("media-bench-http")
            .tempdir_in(base)?;
        let store = open(&media(directory.path()), Verification::HashAndSize).await?;
        let mut references = Vec::new();
        for (size, len) in sizes {
            for number in 0..FILES {
                let bytes: Vec<u8> = (0..*len).map(|at| (at * 31 + number * 7) as u8).collect();
                let metadata = MediaMetadata::new();
                let stored = store.store_bytes(Mime::IMAGE_PNG, bytes, metadata);
                references.push((*size, stored.await?));
            }
        }
        Ok(Self {
            directory,
            store,
            references,
        })
    }
}

/// A server in a process of its own.
pub(crate) struct Server {
    pub(crate) contender: Contender,
    pub(crate) port: u16,
    paths: HashMap<&'static str, Vec<String>>,
    process: Child,
}

impl Server {
    /// Returns the paths of the files of a size.
    pub(crate) fn paths(&self, size: &str) -> &[String] {
        self.paths.get(size).map_or(&[], Vec::as_slice)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // nginx ends its workers on SIGTERM alone.
        let _ = match self.contender {
            Contender::Nginx => {
                let pid = self.process.id().to_string();
                Command::new("kill").arg(pid).status().map(|_| ())
            }
            _ => self.process.kill(),
        };
        let _ = self.process.wait();
    }
}

/// Starts all servers that this machine has.
pub(crate) async fn start_all(files: &Files) -> Result<Vec<Server>> {
    let mut servers = Vec::new();
    for contender in [
        Contender::Verified,
        Contender::Hourly,
        Contender::Unverified,
        Contender::ServeDir,
    ] {
        let mut process = Command::new(std::env::current_exe()?)
            .args([
                "serve",
                contender.argument(),
                &media(files.directory.path()),
            ])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut port = String::new();
        let stdout = process.stdout.take().ok_or("no output of a server")?;
        std::io::BufReader::new(stdout).read_line(&mut port)?;
        servers.push(Server {
            contender,
            port: port.trim().parse()?,
            paths: paths(files, contender).await?,
            process,
        });
    }
    match nginx(files).await? {
        Some(server) => servers.push(server),
        None => println!("NOT RUN: nginx is not installed (Debian: nginx-light)"),
    }
    Ok(servers)
}

async fn paths(files: &Files, contender: Contender) -> Result<HashMap<&'static str, Vec<String>>> {
    let signer = LinkSigner::new(
        files.store.clone(),
        LinkKeys::new(SECRET)?,
        "http://localhost/media",
    )?;
    let mut paths: HashMap<_, Vec<_>> = HashMap::new();
    for (size, reference) in &files.references {
        let path = match contender.is_ours() {
            true => {
                // On a busy machine a run takes longer than links are valid by default.
                let options = SignedUrlOptions::new().with_validity(Duration::from_secs(24 * 3600));
                let url = signer.sign(reference, options).await?;
                let url = url.url().as_str().to_owned();
                url.strip_prefix("http://localhost")
                    .ok_or("another link")?
                    .to_owned()
            }
            false => format!("/{}", reference.id()),
        };
        paths.entry(*size).or_default().push(path);
    }
    Ok(paths)
}

async fn nginx(files: &Files) -> Result<Option<Server>> {
    let program = ["/usr/sbin/nginx", "/usr/bin/nginx"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let Some(program) = program else {
        return Ok(None);
    };
    let base = files
        .directory
        .path()
        .to_str()
        .ok_or("the directory is not UTF-8")?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    // The workers read files of this user.
    let configuration = format!(
        "daemon off; user root; worker_processes 2; pid {base}/nginx.pid; error_log {base}/nginx.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;\n\
         client_body_temp_path {base}/body; proxy_temp_path {base}/proxy; fastcgi_temp_path {base}/f;\n\
         uwsgi_temp_path {base}/u; scgi_temp_path {base}/s; default_type image/png;\n\
         server {{ listen 127.0.0.1:{port}; root {base}/media; }} }}\n"
    );
    let file = files.directory.path().join("nginx.conf");
    std::fs::write(&file, configuration)?;
    let log = files.directory.path().join("nginx.log");
    let process = Command::new(program)
        .arg("-c")
        .arg(&file)
        .arg("-e")
        .arg(&log)
        .spawn()?;
    let mut server = Server {
        contender: Contender::Nginx,
        port,
        paths: paths(files, Contender::Nginx).await?,
        process,
    };
    while tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .is_err()
    {
        if server.process.try_wait()?.is_some() {
            return Err(std::fs::read_to_string(&log).unwrap_or_default().into());
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    Ok(Some(server))
}

/// Serves a directory until the process is killed.
pub(crate) async fn run(contender: &str, directory: &str) -> Result<()> {
    let router = match contender {
        "serve-dir" => Router::new().fallback_service(ServeDir::new(directory)),
        "hourly" => {
            let store = open(directory, Verification::HashAndSize).await?;
            route(PeriodicVerification::new(store))?
        }
        "unverified" => route(open(directory, Verification::SizeOnly).await?)?,
        _ => route(open(directory, Verification::HashAndSize).await?)?,
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    // For all of them: a server that writes head and body apart waits for an acknowledgment otherwise.
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

fn route(store: impl MediaStorage) -> Result<Router> {
    let service = MediaService::new(store, LinkKeys::new(SECRET)?);
    Ok(Router::new().nest_service("/media", service))
}

async fn open(directory: &str, verification: Verification) -> Result<FileStore> {
    Ok(FileStore::builder(directory)
        .with_organization(Organization::Flat)
        .with_verification(verification)
        .build()
        .await?)
}

fn media(directory: &Path) -> String {
    directory.join("media").to_string_lossy().into_owned()
}
