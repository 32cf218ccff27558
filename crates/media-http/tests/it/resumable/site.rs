//! A server that takes uploads in parts, and the requests of its clients.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::request::Parts;
use media_http::{
    LinkSigner, MediaService, ResumableErrorKind, ResumableUploadService, SpoolOptions,
    UploadGrant, UploadPolicy, UploadRefusal, UploadSpool,
};
use media_storage::{InMemoryStorage, MediaStorage, MediaStorageExt, Scope};
use media_storage_testkit::FaultyStorage;
use media_types::StorageReference;
use reqwest::{Method, RequestBuilder, Response};
use tokio::sync::mpsc;

use crate::support::{TestClock, client, keys, owned_by};

pub(super) const PART: &str = "application/offset+octet-stream";
pub(super) const MIB: u64 = 1 << 20;
/// Bytes that are written together.
pub(super) const PIECE: usize = 256 * 1024;

/// Names the album that the policy puts media into.
pub(super) const ALBUM: &str = "x-album";

/// Takes the user of a request from a header.
pub(super) struct Users;

#[async_trait::async_trait]
impl UploadPolicy for Users {
    async fn authorize(&self, request: &Parts) -> Result<UploadGrant, UploadRefusal> {
        let text = |name| {
            let value = request.headers.get(name)?;
            Some(value.to_str().unwrap())
        };
        let user = match text("x-user") {
            None => return Err(UploadRefusal::Unauthorized),
            Some("banned") => return Err(UploadRefusal::Forbidden),
            Some(user) => user,
        };
        let mut metadata = owned_by(user);
        if let Some(album) = text(ALBUM) {
            metadata = metadata.with_tag("album", album);
        }
        Ok(UploadGrant::new(metadata).with_max_bytes(4 * MIB))
    }
}

/// A server that can be ended and started again over the same store and directory.
pub(super) struct Site {
    pub(super) store: FaultyStorage<InMemoryStorage>,
    pub(super) clock: TestClock,
    options: SpoolOptions,
    pub(super) directory: tempfile::TempDir,
    pub(super) spool: Option<UploadSpool>,
    server: Option<tokio::task::JoinHandle<()>>,
    pub(super) address: String,
    pub(super) http: reqwest::Client,
}

pub(super) async fn site(options: SpoolOptions) -> Site {
    let clock = TestClock::default();
    let mut site = Site {
        store: FaultyStorage::new(InMemoryStorage::new()),
        options: options.with_clock(clock.read()),
        clock,
        directory: tempfile::tempdir().unwrap(),
        spool: None,
        server: None,
        address: String::new(),
        http: client(),
    };
    site.restart().await;
    site
}

impl Site {
    /// Ends the server with whatever it does, and starts another one.
    pub(super) async fn restart(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
            let _ = server.await;
        }
        self.spool = None;
        self.http = client();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.address = format!("http://{}", listener.local_addr().unwrap());
        let signer = LinkSigner::new(
            self.store.clone(),
            keys(),
            format!("{}/media", self.address),
        );
        // Connections of the server before hold its spool until they have ended.
        let spool = loop {
            match UploadSpool::open(self.directory.path(), self.options.clone()).await {
                Ok(spool) => break spool,
                Err(error) => assert_eq!(error.kind(), ResumableErrorKind::InUse),
            }
            tokio::task::yield_now().await;
        };
        let uploads =
            ResumableUploadService::new(self.store.clone(), Users, spool.clone(), "/files/");
        let router = Router::new()
            .nest_service("/media", MediaService::new(self.store.clone(), keys()))
            .nest_service("/files", uploads.unwrap().with_signer(signer.unwrap()));
        self.spool = Some(spool);
        self.server = Some(tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        }));
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.address))
            .header("x-user", "user-1")
            .header("tus-resumable", "1.0.0")
    }

    pub(super) fn create(&self, len: u64) -> RequestBuilder {
        self.request(Method::POST, "/files")
            .header("upload-length", len)
    }

    /// Begins an upload and returns its path.
    pub(super) async fn begin(&self, len: u64) -> String {
        let response = self.create(len).send().await.unwrap();
        assert_eq!(response.status(), 201);
        header(&response, "location")
    }

    pub(super) fn patch(
        &self,
        path: &str,
        offset: u64,
        body: impl Into<reqwest::Body>,
    ) -> RequestBuilder {
        self.request(Method::PATCH, path)
            .header("content-type", PART)
            .header("upload-offset", offset)
            .body(body)
    }

    pub(super) async fn offset(&self, path: &str) -> u64 {
        let response = self.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        header(&response, "upload-offset").parse().unwrap()
    }

    pub(super) async fn result(&self, path: &str) -> (u16, serde_json::Value) {
        let response = self.request(Method::GET, path).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap())
    }

    /// Returns the bytes that an upload became.
    pub(super) async fn media(&self, path: &str) -> Bytes {
        let (status, body) = self.result(path).await;
        assert_eq!(status, 200, "{body}");
        let reference = body["items"][0]["reference"].clone();
        let reference: StorageReference = serde_json::from_value(reference).unwrap();
        self.store
            .retrieve_bytes(&reference, 1 << 30)
            .await
            .unwrap()
    }

    pub(super) async fn stored(&self) -> u64 {
        let inventory = self.store.inventory().unwrap();
        inventory.usage(Scope::All).await.unwrap().references
    }

    /// Returns the files of uploads.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        let files = files.map(|file| file.unwrap().path());
        files.filter(|file| !file.ends_with("lock")).collect()
    }

    /// Sends a part that does not end, and returns when its first piece is on the disk.
    pub(super) async fn stall(&self, path: &str, offset: u64, bytes: &[u8]) -> Stalled {
        let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
        let pieces = futures_util::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        let body = reqwest::Body::wrap_stream(pieces);
        let request = self.patch(path, offset, body);
        let answer = tokio::spawn(async move { request.send().await });
        sender
            .send(Ok(Bytes::copy_from_slice(bytes)))
            .await
            .unwrap();
        let part = part_of(self.directory.path(), path);
        while std::fs::metadata(&part).unwrap().len() < offset + PIECE as u64 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Stalled {
            _sender: sender,
            answer,
        }
    }
}

pub(super) struct Stalled {
    _sender: mpsc::Sender<Result<Bytes, std::io::Error>>,
    pub(super) answer: tokio::task::JoinHandle<reqwest::Result<Response>>,
}

pub(super) fn part_of(directory: &Path, path: &str) -> PathBuf {
    let id = path.rsplit('/').next().unwrap();
    directory.join(format!("{id}.part"))
}

pub(super) fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    let value = value.unwrap_or_else(|| panic!("no {name}: {response:?}"));
    value.to_str().unwrap().to_owned()
}

pub(super) async fn status(request: RequestBuilder) -> u16 {
    let response = request.send().await.unwrap();
    assert_eq!(header(&response, "tus-resumable"), "1.0.0");
    response.status().as_u16()
}

/// A body whose length is not announced.
pub(super) fn chunks(count: usize, len: usize) -> reqwest::Body {
    let chunks = (0..count).map(move |_| Ok::<_, std::io::Error>(vec![7; len]));
    reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
}
