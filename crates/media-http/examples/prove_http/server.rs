//! The server, in a process of its own so that its memory is only its own.

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};

use axum::Router;
use http::request::Parts;
use media_http::{
    LinkKeys, LinkSigner, MediaService, UploadGrant, UploadPolicy, UploadRefusal, UploadService,
};
use media_storage::{MediaMetadata, Organization, SignedUrlOptions};
use media_store_fs::FileStore;
use media_types::StorageReference;

use crate::Result;

pub(crate) const SECRET: &str = "the secret of the server of this proof";

/// A running server, its store, and a client.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) store: FileStore,
    pub(crate) http: reqwest::Client,
    pub(crate) pid: u32,
    signer: LinkSigner,
    process: Child,
    _directory: tempfile::TempDir,
}

/// Serves the media of a directory until the process is killed.
pub(crate) async fn run(directory: &str) -> Result<()> {
    let store = open(directory).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = format!("http://{}", listener.local_addr()?);
    let keys = LinkKeys::new(SECRET)?;
    let signer = LinkSigner::new(store.clone(), keys.clone(), format!("{address}/media"))?;
    let uploads = UploadService::new(store.clone(), Anyone).with_signer(signer);
    let router = Router::new()
        .nest_service("/media", MediaService::new(store, keys))
        .nest_service("/upload", uploads);
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
        let path = directory.path().join("media");
        let path = path
            .to_str()
            .ok_or("the temporary directory is not UTF-8")?;
        let store = open(path).await?;
        let mut process = Command::new(std::env::current_exe()?)
            .args(["serve", path])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut address = String::new();
        let stdout = process.stdout.take().ok_or("no output of the server")?;
        std::io::BufReader::new(stdout).read_line(&mut address)?;
        let address = address.trim().to_owned();
        let signer = LinkSigner::new(
            store.clone(),
            LinkKeys::new(SECRET)?,
            format!("{address}/media"),
        )?;
        Ok(Self {
            address,
            store,
            http: reqwest::Client::builder().no_proxy().build()?,
            pid: process.id(),
            signer,
            process,
            _directory: directory,
        })
    }

    /// Returns a link to media.
    pub(crate) async fn link(&self, reference: &StorageReference) -> Result<String> {
        let url = self.signer.sign(reference, SignedUrlOptions::new()).await?;
        Ok(url.url().as_str().to_owned())
    }

    /// Returns host and port.
    pub(crate) fn host(&self) -> &str {
        self.address.trim_start_matches("http://")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
