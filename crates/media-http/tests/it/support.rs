//! A server on the loopback interface, and a clock that can be moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use media_http::{LinkKeys, LinkSigner, MediaService};
use media_storage::{MediaMetadata, MediaStorage, MediaStorageExt, Scope, SignedUrlOptions};
use media_types::{Mime, StorageReference};

pub(crate) const SECRET: &str = "a secret of at least thirty-two bytes";

/// A clock that tests move.
#[derive(Clone, Default)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::seconds(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn read(&self) -> impl Fn() -> DateTime<Utc> + Send + Sync + 'static {
        let clock = self.clone();
        move || clock.now()
    }
}

pub(crate) fn keys() -> LinkKeys {
    LinkKeys::new(SECRET).unwrap()
}

/// Starts a server for a router and returns its address.
pub(crate) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A store with a server for its media.
pub(crate) struct Site<S> {
    pub(crate) store: S,
    pub(crate) signer: LinkSigner,
    pub(crate) clock: TestClock,
    pub(crate) http: reqwest::Client,
    pub(crate) address: String,
}

pub(crate) async fn site<S: MediaStorage + Clone>(store: S) -> Site<S> {
    let clock = TestClock::default();
    let service = MediaService::new(store.clone(), keys()).with_clock(clock.read());
    let address = serve(Router::new().nest_service("/media", service)).await;
    let signer = LinkSigner::new(store.clone(), keys(), format!("{address}/media"))
        .unwrap()
        .with_clock(clock.read());
    Site {
        store,
        signer,
        clock,
        http: client(),
        address,
    }
}

pub(crate) fn owned_by(user: &str) -> MediaMetadata {
    MediaMetadata::new()
        .with_user(user.parse().unwrap())
        .with_session("session-1".parse().unwrap())
        .with_conversation("conv-1".parse().unwrap())
}

pub(crate) fn scope_of(user: &str) -> Scope {
    Scope::User(user.parse().unwrap())
}

/// Bytes without a pattern.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    })
    .take(len)
    .collect()
}

/// The beginning of a PNG file, with noise behind it.
pub(crate) fn png(len: usize) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend(noise(len - bytes.len()));
    bytes
}

impl<S: MediaStorage + Clone> Site<S> {
    pub(crate) async fn put(&self, mime: Mime, bytes: Vec<u8>) -> StorageReference {
        let metadata = owned_by("user-1");
        self.store.store_bytes(mime, bytes, metadata).await.unwrap()
    }

    /// Returns a link for the owner.
    pub(crate) async fn link(&self, reference: &StorageReference) -> String {
        let options = SignedUrlOptions::new().with_expected_scope(scope_of("user-1"));
        let url = self.signer.sign(reference, options).await.unwrap();
        url.url().as_str().to_owned()
    }

    pub(crate) async fn status(&self, url: &str) -> u16 {
        self.http.get(url).send().await.unwrap().status().as_u16()
    }
}

/// Sends the head of a request as it stands, and a body, over a connection of its own. Returns the status and
/// what follows the head of the response.
pub(crate) async fn raw(address: &str, head: &str, body: &[u8]) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host = address.trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let (first, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let headers = headers.trim_end();
    let end = if headers.is_empty() { "" } else { "\r\n" };
    let head =
        format!("{first} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}{end}\r\n");
    // The server may answer, and close, before it has read everything.
    let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no response to {head:?}: {answer:?}"));
    let body = answer.split_once("\r\n\r\n").unwrap_or_default().1;
    (status, body.to_owned())
}
