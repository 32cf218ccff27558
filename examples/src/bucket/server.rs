//! A bucket on this machine: `PUT`, `GET`, `HEAD` and `DELETE` of objects, kept in memory until the server is dropped.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::client::Bucket;

/// The largest object that is taken.
const OBJECT_LIMIT: usize = 128 * 1024 * 1024;

#[derive(Clone, Debug)]
struct Object {
    kind: HeaderValue,
    bytes: Bytes,
}

type Objects = Arc<Mutex<BTreeMap<String, Object>>>;

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct BucketServer {
    url: String,
    objects: Objects,
    _stop: oneshot::Sender<()>,
}

impl BucketServer {
    /// Starts a server on a free port of the loopback interface.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        let objects = Objects::default();
        let app = Router::new()
            .route("/{*key}", get(read).put(write).delete(remove))
            .layer(DefaultBodyLimit::max(OBJECT_LIMIT))
            .with_state(Arc::clone(&objects));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let served = axum::serve(listener, app).with_graceful_shutdown(async {
            // Both a message and a dropped sender mean the end.
            let _ = stopped.await;
        });
        tokio::spawn(served.into_future());
        Ok(Self {
            url,
            objects,
            _stop: stop,
        })
    }

    /// A client of this server.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn bucket(&self) -> Result<Bucket, reqwest::Error> {
        Bucket::new(&self.url)
    }

    /// Keys and sizes in bytes of everything in the bucket, ordered by key.
    #[must_use]
    pub fn objects(&self) -> Vec<(String, usize)> {
        lock(&self.objects)
            .iter()
            .map(|(key, object)| (key.clone(), object.bytes.len()))
            .collect()
    }
}

fn lock(objects: &Objects) -> MutexGuard<'_, BTreeMap<String, Object>> {
    // The map is whole between any two calls.
    objects.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write(
    State(objects): State<Objects>,
    Path(key): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> StatusCode {
    let unknown = HeaderValue::from_static("application/octet-stream");
    let kind = headers
        .get(header::CONTENT_TYPE)
        .cloned()
        .unwrap_or(unknown);
    lock(&objects).insert(key, Object { kind, bytes });
    StatusCode::OK
}

async fn read(
    State(objects): State<Objects>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(object) = lock(&objects).get(&key).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = [(header::CONTENT_TYPE, object.kind)];
    match headers
        .get(header::RANGE)
        .and_then(|range| asked_range(range, object.bytes.len()))
    {
        Some(range) => (
            StatusCode::PARTIAL_CONTENT,
            kind,
            Body::from(object.bytes.slice(range)),
        )
            .into_response(),
        None => (kind, Body::from(object.bytes)).into_response(),
    }
}

async fn remove(State(objects): State<Objects>, Path(key): Path<String>) -> StatusCode {
    lock(&objects).remove(&key);
    StatusCode::NO_CONTENT
}

/// Reads `bytes=<first>-<last>`, cut to the object.
fn asked_range(value: &HeaderValue, length: usize) -> Option<std::ops::Range<usize>> {
    let (first, last) = value
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?
        .split_once('-')?;
    let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    let end = last.checked_add(1)?.min(length);
    (first < end).then_some(first..end)
}
