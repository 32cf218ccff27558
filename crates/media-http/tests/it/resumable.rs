//! Uploads in parts, by tus 1.0.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use media_http::{
    LinkSigner, MediaService, ResumableErrorKind, ResumableUploadService, SpoolOptions,
    UploadGrant, UploadPolicy, UploadRefusal, UploadSpool,
};
use media_storage::{InMemoryStorage, MediaStorage, MediaStorageExt, Scope, StorageErrorKind};
use media_storage_testkit::{Call, Fault, FaultyStorage, Gate};
use media_types::StorageReference;
use reqwest::{Method, RequestBuilder, Response};
use sha1::Digest as _;
use tokio::sync::mpsc;

use crate::support::{TestClock, client, keys, noise, owned_by};

const PART: &str = "application/offset+octet-stream";
const MIB: u64 = 1 << 20;
/// Bytes that are written together.
const PIECE: usize = 256 * 1024;

struct Users;

#[async_trait::async_trait]
impl UploadPolicy for Users {
    async fn authorize(&self, request: &Parts) -> Result<UploadGrant, UploadRefusal> {
        match request
            .headers
            .get("x-user")
            .map(|user| user.to_str().unwrap())
        {
            None => Err(UploadRefusal::Unauthorized),
            Some("banned") => Err(UploadRefusal::Forbidden),
            Some(user) => Ok(UploadGrant::new(owned_by(user)).with_max_bytes(4 * MIB)),
        }
    }
}

/// A server that can be ended and started again over the same store and directory.
struct Site {
    store: FaultyStorage<InMemoryStorage>,
    clock: TestClock,
    options: SpoolOptions,
    directory: tempfile::TempDir,
    spool: Option<UploadSpool>,
    server: Option<tokio::task::JoinHandle<()>>,
    address: String,
    http: reqwest::Client,
}

async fn site(options: SpoolOptions) -> Site {
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

fn png(len: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(noise(len - bytes.len()));
    bytes
}

impl Site {
    /// Ends the server with whatever it does, and starts another one.
    async fn restart(&mut self) {
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

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.address))
            .header("x-user", "user-1")
            .header("tus-resumable", "1.0.0")
    }

    fn create(&self, len: u64) -> RequestBuilder {
        self.request(Method::POST, "/files")
            .header("upload-length", len)
    }

    /// Begins an upload and returns its path.
    async fn begin(&self, len: u64) -> String {
        let response = self.create(len).send().await.unwrap();
        assert_eq!(response.status(), 201);
        header(&response, "location")
    }

    fn patch(&self, path: &str, offset: u64, body: impl Into<reqwest::Body>) -> RequestBuilder {
        self.request(Method::PATCH, path)
            .header("content-type", PART)
            .header("upload-offset", offset)
            .body(body)
    }

    async fn offset(&self, path: &str) -> u64 {
        let response = self.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        header(&response, "upload-offset").parse().unwrap()
    }

    async fn result(&self, path: &str) -> (u16, serde_json::Value) {
        let response = self.request(Method::GET, path).send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap())
    }

    /// Returns the bytes that an upload became.
    async fn media(&self, path: &str) -> Bytes {
        let (status, body) = self.result(path).await;
        assert_eq!(status, 200, "{body}");
        let reference = body["items"][0]["reference"].clone();
        let reference: StorageReference = serde_json::from_value(reference).unwrap();
        self.store
            .retrieve_bytes(&reference, 1 << 30)
            .await
            .unwrap()
    }

    async fn stored(&self) -> u64 {
        let inventory = self.store.inventory().unwrap();
        inventory.usage(Scope::All).await.unwrap().references
    }

    /// Returns the files of uploads.
    fn files(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        let files = files.map(|file| file.unwrap().path());
        files.filter(|file| !file.ends_with("lock")).collect()
    }

    /// Sends a part that does not end, and returns when its first piece is on the disk.
    async fn stall(&self, path: &str, offset: u64, bytes: &[u8]) -> Stalled {
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

struct Stalled {
    _sender: mpsc::Sender<Result<Bytes, std::io::Error>>,
    answer: tokio::task::JoinHandle<reqwest::Result<Response>>,
}

fn part_of(directory: &Path, path: &str) -> PathBuf {
    let id = path.rsplit('/').next().unwrap();
    directory.join(format!("{id}.part"))
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    let value = value.unwrap_or_else(|| panic!("no {name}: {response:?}"));
    value.to_str().unwrap().to_owned()
}

async fn status(request: RequestBuilder) -> u16 {
    let response = request.send().await.unwrap();
    assert_eq!(header(&response, "tus-resumable"), "1.0.0");
    response.status().as_u16()
}

#[tokio::test]
async fn the_protocol_is_followed_header_by_header() {
    let site = site(SpoolOptions::new()).await;
    let url = format!("{}/files", site.address);
    // Without a user, and without a version.
    let options = site
        .http
        .request(Method::OPTIONS, &url)
        .send()
        .await
        .unwrap();
    assert_eq!(options.status(), 204);
    assert_eq!(header(&options, "tus-version"), "1.0.0");
    let extensions = header(&options, "tus-extension");
    for extension in [
        "creation",
        "creation-with-upload",
        "expiration",
        "termination",
        "checksum",
    ] {
        assert!(extensions.split(',').any(|other| other == extension));
    }
    assert!(header(&options, "tus-checksum-algorithm").starts_with("sha1"));

    let bytes = png(3000);
    let metadata = format!(
        "filename {},filetype {},empty",
        STANDARD.encode("a/ph\u{f6}to.png"),
        STANDARD.encode("image/png")
    );
    let created = site.create(3000).header("upload-metadata", &metadata);
    let created = created.send().await.unwrap();
    assert_eq!(created.status(), 201);
    let path = header(&created, "location");
    assert!(path.starts_with("/files/") && path.len() == 39, "{path}");
    let expires = httpdate::parse_http_date(&header(&created, "upload-expires")).unwrap();
    let left = expires
        .duration_since(std::time::SystemTime::now())
        .unwrap();
    assert!(left > Duration::from_secs(23 * 3600) && left <= Duration::from_secs(24 * 3600));

    let head = site.request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(header(&head, "upload-offset"), "0");
    assert_eq!(header(&head, "upload-length"), "3000");
    assert_eq!(header(&head, "upload-metadata"), metadata);
    assert_eq!(header(&head, "cache-control"), "no-store");
    let (early, body) = site.result(&path).await;
    assert_eq!(
        (early, body["error"]["code"].as_str()),
        (409, Some("incomplete"))
    );

    let first = site
        .patch(&path, 0, bytes[..1000].to_vec())
        .send()
        .await
        .unwrap();
    assert_eq!(first.status(), 204);
    assert_eq!(header(&first, "upload-offset"), "1000");
    header(&first, "upload-expires");
    // By POST, as clients do that cannot send PATCH.
    let last = site
        .request(Method::POST, &path)
        .header("x-http-method-override", "PATCH")
        .header("content-type", PART)
        .header("upload-offset", 1000)
        .body(bytes[1000..].to_vec());
    let last = last.send().await.unwrap();
    assert_eq!(last.status(), 204);
    assert_eq!(header(&last, "upload-offset"), "3000");
    assert_eq!(site.offset(&path).await, 3000);

    assert_eq!(site.media(&path).await, bytes);
    let (_, body) = site.result(&path).await;
    let item = &body["items"][0];
    assert_eq!(item["mime_type"], "image/png");
    assert_eq!(item["size"], 3000);
    assert_eq!(item["filename"], "ph\u{f6}to.png");
    let reference: StorageReference = serde_json::from_value(item["reference"].clone()).unwrap();
    let stored = site.store.head(&reference).await.unwrap();
    assert_eq!(stored.metadata.user().unwrap().as_str(), "user-1");
    let read = site
        .http
        .get(item["url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(read.bytes().await.unwrap(), bytes);
    // A last part that is sent again, because its response was lost, changes nothing.
    assert_eq!(status(site.patch(&path, 3000, "")).await, 204);
    assert_eq!(site.stored().await, 1);

    assert_eq!(status(site.request(Method::DELETE, &path)).await, 204);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 404);
    assert_eq!(site.stored().await, 1, "media stays");
    assert!(site.files().is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_changes_nothing() {
    let options = SpoolOptions::new()
        .with_capacity(6 * MIB)
        .with_max_uploads_per_user(3);
    let site = site(options).await;
    let path = site.begin(1000).await;
    assert_eq!(status(site.patch(&path, 0, png(100))).await, 204);
    let unknown = format!("/files/{}", "0".repeat(32));
    let post = || site.request(Method::POST, "/files");
    let as_user = |user: &str, method, path: &str| {
        let request = site.http.request(method, format!("{}{path}", site.address));
        request
            .header("x-user", user)
            .header("tus-resumable", "1.0.0")
    };
    let plain = |method| site.http.request(method, format!("{}{path}", site.address));
    let typed = |mime: &'static str| {
        let request = site
            .request(Method::PATCH, &path)
            .header("content-type", mime);
        request.header("upload-offset", 100).body("x")
    };
    let cases = [
        (
            "no version",
            plain(Method::HEAD).header("x-user", "user-1"),
            412,
        ),
        (
            "another version",
            plain(Method::HEAD).header("tus-resumable", "0.2.2"),
            412,
        ),
        (
            "no user",
            plain(Method::HEAD).header("tus-resumable", "1.0.0"),
            401,
        ),
        ("a banned user", as_user("banned", Method::HEAD, &path), 403),
        (
            "head of another user's",
            as_user("user-2", Method::HEAD, &path),
            404,
        ),
        (
            "deletion of another user's",
            as_user("user-2", Method::DELETE, &path),
            404,
        ),
        (
            "a part of another user",
            as_user("user-2", Method::PATCH, &path)
                .header("content-type", PART)
                .header("upload-offset", 100),
            404,
        ),
        ("unknown", site.request(Method::HEAD, &unknown), 404),
        ("unknown part", site.patch(&unknown, 0, "x"), 404),
        ("no name", site.request(Method::HEAD, "/files/"), 404),
        (
            "a path",
            site.request(Method::HEAD, "/files/..%2f..%2fetc%2fpasswd"),
            404,
        ),
        (
            "upper case",
            site.request(Method::HEAD, &format!("/files/{}", "A".repeat(32))),
            404,
        ),
        ("unknown method", site.request(Method::PUT, &path), 405),
        (
            "part of another type",
            typed("application/octet-stream"),
            415,
        ),
        (
            "part without an offset",
            site.request(Method::PATCH, &path)
                .header("content-type", PART),
            400,
        ),
        ("an early offset", site.patch(&path, 99, "x"), 409),
        ("a late offset", site.patch(&path, 101, "x"), 409),
        (
            "two offsets",
            site.patch(&path, 100, "x").header("upload-offset", 100),
            400,
        ),
        (
            "more than announced",
            site.patch(&path, 100, vec![1; 901]),
            413,
        ),
        (
            "more than announced, without a length",
            site.patch(&path, 100, chunks(4, 300)),
            413,
        ),
        (
            "an unknown checksum",
            site.patch(&path, 100, "x")
                .header("upload-checksum", "md5 YQ=="),
            400,
        ),
        (
            "no checksum",
            site.patch(&path, 100, "x")
                .header("upload-checksum", "sha1"),
            400,
        ),
        ("no size", post(), 400),
        (
            "a size with a sign",
            post().header("upload-length", "+5"),
            400,
        ),
        ("a negative size", post().header("upload-length", "-5"), 400),
        ("no bytes", site.create(0), 400),
        (
            "a size that comes later",
            post().header("upload-defer-length", "1"),
            400,
        ),
        (
            "a join",
            post().header("upload-concat", "final;/files/a"),
            400,
        ),
        ("too large", site.create(4 * MIB + 1), 413),
        (
            "metadata that is not base64",
            site.create(10).header("upload-metadata", "name *"),
            400,
        ),
        ("fits", site.create(3 * MIB), 201),
        ("more than the spool has", site.create(4 * MIB), 507),
        ("fits as well", site.create(10), 201),
        ("too many, of which one is empty", site.create(10), 201),
        (
            "of another user",
            as_user("user-2", Method::POST, "/files").header("upload-length", 9),
            201,
        ),
    ];
    for (name, request, expected) in cases {
        assert_eq!(status(request).await, expected, "{name}");
    }
    assert_eq!(site.offset(&path).await, 100);
    assert_eq!(site.stored().await, 0);
    let bytes = &png(1000);
    assert_eq!(
        status(site.patch(&path, 100, bytes[100..].to_vec())).await,
        204
    );
    assert_eq!(site.media(&path).await, bytes);
    // A finished upload does not count.
    assert_eq!(status(site.create(10)).await, 201);
}

/// A body whose length is not announced.
fn chunks(count: usize, len: usize) -> reqwest::Body {
    let chunks = (0..count).map(move |_| Ok::<_, std::io::Error>(vec![7; len]));
    reqwest::Body::wrap_stream(futures_util::stream::iter(chunks))
}

#[tokio::test]
async fn the_type_is_judged_by_the_bytes() {
    let site = site(SpoolOptions::new()).await;
    let declared = format!("filetype {}", STANDARD.encode("image/png"));
    let begin = |len: u64| site.create(len).header("upload-metadata", &declared).send();
    let path = header(&begin(2 * MIB).await.unwrap(), "location");
    // At once, not after the last byte.
    assert_eq!(status(site.patch(&path, 0, noise(300_000))).await, 415);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 404);
    let path = header(&begin(20).await.unwrap(), "location");
    assert_eq!(status(site.patch(&path, 0, noise(10))).await, 204);
    assert_eq!(status(site.patch(&path, 10, noise(10))).await, 415);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 404);
    let at_once = site.create(5).header("content-type", PART).body("<svg>");
    assert_eq!(status(at_once).await, 415);
    assert_eq!(site.stored().await, 0);
    assert!(site.files().is_empty());
}

#[tokio::test]
async fn an_upload_can_begin_with_bytes() {
    let site = site(SpoolOptions::new()).await;
    let bytes = png(5000);
    let whole = site
        .create(5000)
        .header("content-type", PART)
        .body(bytes.clone());
    let whole = whole.send().await.unwrap();
    assert_eq!(
        (whole.status().as_u16(), header(&whole, "upload-offset")),
        (201, "5000".into())
    );
    assert_eq!(site.media(&header(&whole, "location")).await, bytes);
    let part = site
        .create(5000)
        .header("content-type", PART)
        .body(bytes[..2000].to_vec());
    let part = part.send().await.unwrap();
    let path = header(&part, "location");
    assert_eq!(header(&part, "upload-offset"), "2000");
    assert_eq!(
        status(site.patch(&path, 2000, bytes[2000..].to_vec())).await,
        204
    );
    assert_eq!(site.media(&path).await, bytes);
    let too_much = site
        .create(10)
        .header("content-type", PART)
        .body(chunks(2, 10));
    assert_eq!(status(too_much).await, 413);
    assert_eq!(site.files().len(), 2, "the records of what was stored");
}

#[tokio::test]
async fn parts_are_compared_with_their_checksum() {
    let mut site = site(SpoolOptions::new()).await;
    let bytes = png(3000);
    let sha1 = |bytes: &[u8]| format!("sha1 {}", STANDARD.encode(sha1::Sha1::digest(bytes)));
    let path = site.begin(3000).await;
    let good = site.patch(&path, 0, bytes[..1000].to_vec());
    assert_eq!(
        status(good.header("upload-checksum", sha1(&bytes[..1000]))).await,
        204
    );
    let bad = site.patch(&path, 1000, vec![1; 1000]);
    assert_eq!(
        status(bad.header("upload-checksum", sha1(&bytes[1000..2000]))).await,
        460
    );
    assert_eq!(site.offset(&path).await, 1000);
    let good = site.patch(&path, 1000, bytes[1000..2000].to_vec());
    let sha256 = STANDARD.encode(sha2::Sha256::digest(&bytes[1000..2000]));
    assert_eq!(
        status(good.header("upload-checksum", format!("sha256 {sha256}"))).await,
        204
    );

    // What the process had written when it ended, without having compared it.
    let part = part_of(site.directory.path(), &path);
    std::fs::write(part.with_extension("mark"), 2000_u64.to_be_bytes()).unwrap();
    let mut written = std::fs::read(&part).unwrap();
    written.extend([1; 500]);
    std::fs::write(&part, written).unwrap();
    site.restart().await;
    assert_eq!(site.offset(&path).await, 2000);
    assert_eq!(
        status(site.patch(&path, 2000, bytes[2000..].to_vec())).await,
        204
    );
    assert_eq!(site.media(&path).await, bytes);
}

/// Sends a part as far as a cut, and goes.
async fn send_and_go(site: &Site, path: &str, offset: u64, bytes: &[u8], cut: usize) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = site.address.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {address}\r\nX-User: user-1\r\nTus-Resumable: 1.0.0\r\n\
         Content-Type: {PART}\r\nUpload-Offset: {offset}\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes[..cut]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn cuts_at_any_place_and_restarts_lose_nothing_that_was_acknowledged() {
    let mut site = site(SpoolOptions::new()).await;
    let bytes = png(2_000_000);
    let path = site.begin(bytes.len() as u64).await;
    let mut seed = 1_u64;
    let mut rounds = 0;
    loop {
        let offset = site.offset(&path).await;
        let at = usize::try_from(offset).unwrap();
        let rest = &bytes[at..];
        if rest.is_empty() {
            break;
        }
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let cut = usize::try_from(seed >> 33).unwrap() % rest.len().min(300_000);
        match rounds % 4 {
            0 => send_and_go(&site, &path, offset, rest, cut).await,
            1 if cut > 0 => {
                let part = site.patch(&path, offset, rest[..cut].to_vec());
                assert_eq!(status(part).await, 204);
                let now = site.offset(&path).await;
                assert_eq!(now, offset + cut as u64);
                site.restart().await;
                assert_eq!(site.offset(&path).await, now);
            }
            2 => {
                let part = site.patch(&path, offset, rest[..cut].to_vec());
                let wrong = STANDARD.encode(sha1::Sha1::digest(b"other"));
                let part = part.header("upload-checksum", format!("sha1 {wrong}"));
                assert_eq!(status(part).await, 460);
                assert_eq!(site.offset(&path).await, offset);
            }
            _ => {
                let len = rest.len().min(100_000);
                assert_eq!(
                    status(site.patch(&path, offset, rest[..len].to_vec())).await,
                    204
                );
            }
        }
        rounds += 1;
    }
    assert!(rounds > 10, "{rounds}");
    assert_eq!(site.media(&path).await, bytes);
    assert_eq!(site.stored().await, 1);
    site.restart().await;
    assert_eq!(site.media(&path).await, bytes, "the result is still known");
    assert_eq!(site.files().len(), 1, "the record");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_request_stops_the_one_before_it() {
    let site = site(SpoolOptions::new()).await;
    let bytes = png(1_000_000);
    let path = site.begin(bytes.len() as u64).await;
    let first = site.stall(&path, 0, &bytes[..300_000]).await;
    // The client lost its connection and asks again; the server does not know of the loss.
    let at = usize::try_from(site.offset(&path).await).unwrap();
    assert!((PIECE..=300_000).contains(&at), "{at}");
    assert_eq!(first.answer.await.unwrap().unwrap().status(), 423);
    // Two writers: one of them goes on, and no byte is written twice.
    let second = site.stall(&path, at as u64, &bytes[at..at + 300_000]).await;
    let third = site.patch(&path, at as u64, bytes[at..].to_vec());
    assert_eq!(status(third).await, 409);
    assert_eq!(second.answer.await.unwrap().unwrap().status(), 423);
    let at = usize::try_from(site.offset(&path).await).unwrap();
    let both = [0, 1].map(|_| site.patch(&path, at as u64, bytes[at..].to_vec()));
    let answers = futures_util::future::join_all(both.map(status)).await;
    let offset = usize::try_from(site.offset(&path).await).unwrap();
    assert!(
        answers
            .iter()
            .all(|status| [204, 409, 423].contains(status)),
        "{answers:?}"
    );
    if offset < bytes.len() {
        let rest = bytes[offset..].to_vec();
        assert_eq!(status(site.patch(&path, offset as u64, rest)).await, 204);
    }
    assert_eq!(site.media(&path).await, bytes);
    assert_eq!(site.stored().await, 1);
    let path = site.begin(bytes.len() as u64).await;
    let last = site.stall(&path, 0, &bytes[..300_000]).await;
    assert_eq!(status(site.request(Method::DELETE, &path)).await, 204);
    assert_eq!(last.answer.await.unwrap().unwrap().status(), 423);
    assert_eq!(site.files().len(), 1);
}

#[tokio::test]
async fn a_store_that_fails_is_asked_again() {
    let site = site(SpoolOptions::new()).await;
    let bytes = png(5000);
    let path = site.begin(5000).await;
    site.store
        .inject(Fault::every(Call::Store).fail(StorageErrorKind::Unavailable));
    assert_eq!(status(site.patch(&path, 0, bytes.clone())).await, 503);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 503);
    assert_eq!(site.result(&path).await.0, 503);
    site.store.clear_faults();
    assert_eq!(site.offset(&path).await, 5000);
    assert_eq!(site.stored().await, 1, "asking is enough");
    assert_eq!(site.media(&path).await, bytes);
    assert_eq!(site.stored().await, 1);
}

#[tokio::test]
async fn what_was_never_finished_leaves_nothing() {
    let mut site = site(SpoolOptions::new().with_lifetime(Duration::from_secs(600))).await;
    let bytes = png(5000);
    let old = site.begin(5000).await;
    assert_eq!(
        status(site.patch(&old, 0, bytes[..700].to_vec())).await,
        204
    );
    site.clock.advance(300);
    let new = site.begin(5000).await;
    site.clock.advance(301);
    for request in [
        site.request(Method::HEAD, &old),
        site.patch(&old, 700, bytes[700..].to_vec()),
        site.request(Method::DELETE, &old),
    ] {
        assert_eq!(status(request).await, 404);
    }
    let spool = site.spool.clone().unwrap();
    assert_eq!(spool.remove_expired().await, 1);
    assert_eq!(site.files().len(), 2);
    assert_eq!(site.offset(&new).await, 0);
    // Leftovers of a process that was killed, and a file of somebody.
    let leftovers = ["part", "mark", "new"].map(|kind| format!("{}.{kind}", "a".repeat(32)));
    for name in leftovers.iter().map(String::as_str).chain(["readme.txt"]) {
        std::fs::write(site.directory.path().join(name), "x").unwrap();
    }
    let broken = site
        .directory
        .path()
        .join(format!("{}.json", "b".repeat(32)));
    std::fs::write(broken, "{").unwrap();
    site.clock.advance(600);
    drop(spool);
    site.restart().await;
    let left = site.files();
    assert!(
        left.len() == 1 && left[0].ends_with("readme.txt"),
        "{left:?}"
    );
    assert_eq!(site.stored().await, 0);

    let theirs = site.begin(5000).await;
    assert_eq!(status(site.patch(&theirs, 0, png(300))).await, 204);
    let spool = site.spool.clone().unwrap();
    assert_eq!(spool.remove_user(&"user-2".parse().unwrap()).await, 0);
    assert_eq!(spool.remove_user(&"user-1".parse().unwrap()).await, 1);
    assert_eq!(status(site.request(Method::HEAD, &theirs)).await, 404);
    assert_eq!(site.files().len(), 1);
}

#[tokio::test]
async fn wrong_settings_are_told() {
    let site = site(SpoolOptions::new()).await;
    let spool = site.spool.clone().unwrap();
    for base in [
        "files",
        "//host/files",
        "/files?a",
        "ftp://host/files",
        "/a b",
        "/a\n",
    ] {
        let made = ResumableUploadService::new(InMemoryStorage::new(), Users, spool.clone(), base);
        let error = made.unwrap_err();
        assert_eq!(error.kind(), ResumableErrorKind::InvalidBase, "{base}");
    }
    for base in ["", "/", "/files", "/a/b/", "https://chat.example/files"] {
        ResumableUploadService::new(InMemoryStorage::new(), Users, spool.clone(), base).unwrap();
    }
    let again = UploadSpool::open(site.directory.path(), SpoolOptions::new()).await;
    assert_eq!(again.unwrap_err().kind(), ResumableErrorKind::InUse);
    let file = site.directory.path().join("lock");
    let wrong = UploadSpool::open(file, SpoolOptions::new()).await;
    assert_eq!(wrong.unwrap_err().kind(), ResumableErrorKind::Directory);
}

#[tokio::test]
async fn a_user_at_the_limit_replaces_what_is_empty_and_nothing_else() {
    let site = site(SpoolOptions::new().with_max_uploads_per_user(2)).await;
    let (begun, empty) = (site.begin(100).await, site.begin(100).await);
    assert_eq!(status(site.patch(&begun, 0, "x")).await, 204);
    // The answer to the creation of `empty` may have been lost: nobody can name it any more.
    let third = site.begin(100).await;
    assert_eq!(status(site.request(Method::HEAD, &empty)).await, 404);
    assert_eq!(site.offset(&begun).await, 1);
    assert_eq!(status(site.patch(&third, 0, "x")).await, 204);
    assert_eq!(status(site.create(100)).await, 429);
    assert_eq!(status(site.request(Method::DELETE, &begun)).await, 204);
    assert_eq!(status(site.create(100)).await, 201);
}

#[tokio::test]
async fn finished_uploads_make_room_for_others() {
    let options = SpoolOptions::new()
        .with_max_uploads(3)
        .with_max_finished_per_user(2);
    let site = site(options).await;
    let mut paths = Vec::new();
    for n in 0..5 {
        let path = site.begin(100).await;
        assert_eq!(status(site.patch(&path, 0, png(100))).await, 204, "{n}");
        paths.push(path);
    }
    assert_eq!(site.stored().await, 5);
    // What was stored stays; only the records of the oldest uploads are forgotten.
    assert_eq!(status(site.request(Method::HEAD, &paths[0])).await, 404);
    assert_eq!(status(site.request(Method::HEAD, &paths[4])).await, 200);
}

#[tokio::test]
async fn another_method_is_taken_from_a_header_of_post_only() {
    let site = site(SpoolOptions::new()).await;
    let path = site.begin(100).await;
    let overriding = |method: Method| {
        site.request(method, &path)
            .header("x-http-method-override", "DELETE")
    };
    assert_eq!(status(overriding(Method::HEAD)).await, 200);
    assert_eq!(site.offset(&path).await, 0);
    assert_eq!(status(overriding(Method::POST)).await, 204);
    assert_eq!(status(site.request(Method::HEAD, &path)).await, 404);
}

#[tokio::test]
async fn storing_goes_on_when_its_client_is_gone() {
    let mut site = site(SpoolOptions::new()).await;
    let gate = Gate::new();
    site.store = FaultyStorage::new(InMemoryStorage::new())
        .with_fault(Fault::nth(Call::Store, 1).hold(&gate));
    site.restart().await;
    let path = site.begin(100).await;
    let last = site.patch(&path, 0, png(100));
    let sending = tokio::spawn(async move { last.send().await });
    gate.arrived().await;
    sending.abort();
    let _ = sending.await;
    gate.open();
    assert_eq!(site.media(&path).await.len(), 100);
    assert_eq!(site.stored().await, 1);
}
