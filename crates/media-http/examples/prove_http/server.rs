//! The server, in a process of its own so that its memory is only its own.

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};

use axum::Router;
use http::request::Parts;
use media_http::{
    LinkKeys, LinkSigner, MediaService, ResumableUploadService, SpoolOptions, UploadGrant,
    UploadPolicy, UploadRefusal, UploadService, UploadSpool,
};
use media_storage::{MediaMetadata, Organization, SignedUrlOptions};
use media_store_fs::FileStore;
use media_types::StorageReference;

use crate::Result;

const SECRET: &str = "the secret of the server of this proof";

/// The secret that the server signed with before, and still takes.
pub(crate) const RETIRED: &str = "the secret of the server of yesterday";

/// The secret before that, which it takes no more.
pub(crate) const DROPPED: &str = "the secret of the server of last week";

/// What follows the name of the directory of media in that of the spool.
const SPOOL: &str = "-spool";

/// A running server, its store, and a client.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) store: FileStore,
    pub(crate) http: reqwest::Client,
    pub(crate) pid: u32,
    signer: LinkSigner,
    process: Child,
    directory: tempfile::TempDir,
}

/// Serves the media of a directory until the process is killed.
pub(crate) async fn run(directory: &str) -> Result<()> {
    let store = open(directory).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let keys = LinkKeys::new(SECRET)?.with_retired(RETIRED)?;
    let signer = LinkSigner::new(store.clone(), keys.clone(), format!("{address}/media"))?;
    let uploads = UploadService::new(store.clone(), Anyone).with_signer(signer.clone());
    let spool = UploadSpool::open(format!("{directory}{SPOOL}"), SpoolOptions::new()).await?;
    let parts = ResumableUploadService::new(store.clone(), Anyone, spool, "/files")?;
    let router = Router::new()
        .nest_service("/media", MediaService::new(store, keys))
        .nest_service("/upload", uploads)
        .nest_service("/files", parts.with_signer(signer));
    println!("{address}");
    axum::serve(listener, router).await?;
    Ok(())
}

async fn open(directory: &str) -> Result<FileStore> {
    Ok(FileStore::builder(directory)
        .with_organization(Organization::Flat)
        .build()
        .await?)
}

struct Anyone;

#[async_trait::async_trait]
impl UploadPolicy for Anyone {
    async fn authorize(&self, _: &Parts) -> std::result::Result<UploadGrant, UploadRefusal> {
        let metadata = MediaMetadata::new();
        Ok(UploadGrant::new(metadata).with_max_bytes(2 << 30))
    }
}

impl Server {
    pub(crate) async fn start() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let store = open(&media(&directory)?).await?;
        let (process, address) = spawn(&media(&directory)?)?;
        Ok(Self {
            signer: signer(&store, &address, SECRET)?,
            address,
            store,
            http: reqwest::Client::builder().no_proxy().build()?,
            pid: process.id(),
            process,
            directory,
        })
    }

    /// Kills the server with whatever it does, and starts another one.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        (self.process, self.address) = spawn(&media(&self.directory)?)?;
        self.pid = self.process.id();
        self.signer = signer(&self.store, &self.address, SECRET)?;
        Ok(())
    }

    /// Returns the bytes of uploads that are in the spool.
    pub(crate) fn spooled(&self) -> Result<u64> {
        let spool = format!("{}{SPOOL}", media(&self.directory)?);
        let mut bytes = 0;
        for file in std::fs::read_dir(spool)? {
            let file = file?;
            if file.path().extension().is_some_and(|kind| kind == "part") {
                bytes += file.metadata()?.len();
            }
        }
        Ok(bytes)
    }

    /// Returns a link to media.
    pub(crate) async fn link(&self, reference: &StorageReference) -> Result<String> {
        let url = self.signer.sign(reference, SignedUrlOptions::new()).await?;
        Ok(url.url().as_str().to_owned())
    }

    /// Returns the signer of a node that has this secret.
    pub(crate) fn signer_with(&self, secret: &str) -> Result<LinkSigner> {
        signer(&self.store, &self.address, secret)
    }

    /// Returns host and port.
    pub(crate) fn host(&self) -> &str {
        self.address.trim_start_matches("http://")
    }
}

fn media(directory: &tempfile::TempDir) -> Result<String> {
    let path = directory.path().join("media").into_os_string();
    Ok(path
        .into_string()
        .map_err(|_| "the temporary directory is not UTF-8")?)
}

fn signer(store: &FileStore, address: &str, secret: &str) -> Result<LinkSigner> {
    let keys = LinkKeys::new(secret)?;
    Ok(LinkSigner::new(
        store.clone(),
        keys,
        format!("{address}/media"),
    )?)
}

fn spawn(directory: &str) -> Result<(Child, String)> {
    let mut process = Command::new(std::env::current_exe()?)
        .args(["serve", directory])
        .stdout(Stdio::piped())
        .spawn()?;
    let mut address = String::new();
    let stdout = process.stdout.take().ok_or("no output of the server")?;
    std::io::BufReader::new(stdout).read_line(&mut address)?;
    Ok((process, address.trim().to_owned()))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
