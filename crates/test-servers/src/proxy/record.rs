//! Records of requests.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;

/// Maximum number of requests that are recorded; later ones are counted only.
pub const RECORDED: usize = 100_000;

/// The head of a request as the client sent it. `Debug` prints neither query nor headers, which
/// contain signatures.
#[derive(Clone)]
pub struct RequestHead {
    method: Method,
    target: String,
    path: String,
    query_at: Option<usize>,
    headers: HeaderMap,
}

impl RequestHead {
    pub(super) fn new(parts: &Parts) -> Self {
        let target = parts
            .uri
            .path_and_query()
            .map_or_else(String::new, ToString::to_string);
        Self {
            method: parts.method.clone(),
            path: percent_decode_str(parts.uri.path())
                .decode_utf8_lossy()
                .into_owned(),
            query_at: target.find('?').map(|at| at + 1),
            target,
            headers: parts.headers.clone(),
        }
    }

    /// Returns the method.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns path and query as sent, including the signature of a signed URL.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the decoded path: `/bucket/key`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the query as sent, without its question mark; empty if there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.query_at
            .and_then(|at| self.target.get(at..))
            .unwrap_or_default()
    }

    /// Returns the first value of a header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns all headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        if self.query().is_empty() {
            Ok(())
        } else {
            write!(f, "?({} bytes)", self.query().len())
        }
    }
}

/// One request and its outcome so far.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// Head of the request.
    pub request: RequestHead,
    /// Bytes of the request's body that the client sent, including the signatures of `aws-chunked` and
    /// excluding the framing of chunked transfer.
    pub request_bytes: u64,
    /// Name of the fault, see [`Fault::name`](super::Fault::name).
    pub fault: &'static str,
    /// Status of the server's response, even if the client got another one.
    pub upstream_status: Option<StatusCode>,
    /// Status of the client's response.
    pub status: Option<StatusCode>,
    /// Bytes of the response's body that the client got.
    pub response_bytes: u64,
}

/// Counts of all requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Number of requests.
    pub requests: u64,
    /// Bytes of the bodies of requests.
    pub request_bytes: u64,
    /// Bytes of the bodies of responses that clients got.
    pub response_bytes: u64,
    /// Number of requests with a fault.
    pub faults: u64,
}

/// A request in progress or completed. It counts as in progress until its last owner is dropped.
#[derive(Debug)]
pub(super) struct Entry {
    record: Arc<Record>,
    _under_way: UnderWay,
}

#[derive(Debug)]
struct Record {
    request: RequestHead,
    fault: &'static str,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    upstream_status: OnceLock<StatusCode>,
    status: OnceLock<StatusCode>,
    totals: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    faults: AtomicU64,
}

impl Entry {
    pub(super) fn received(&self, bytes: u64) {
        self.record
            .request_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        let total = &self.record.totals.request_bytes;
        total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: u64) {
        self.record
            .response_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        let total = &self.record.totals.response_bytes;
        total.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn upstream_answered(&self, status: StatusCode) {
        let _ = self.record.upstream_status.set(status);
    }

    pub(super) fn answered(&self, status: StatusCode) {
        let _ = self.record.status.set(status);
    }
}

#[derive(Debug)]
pub(super) struct Records {
    kept: Mutex<Kept>,
    under_way: Arc<watch::Sender<usize>>,
}

#[derive(Debug, Default)]
struct Kept {
    records: Vec<Arc<Record>>,
    counts: Arc<Counts>,
}

impl Records {
    pub(super) fn new() -> Self {
        Self {
            kept: Mutex::default(),
            under_way: Arc::new(watch::Sender::new(0)),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, request: RequestHead, fault: &'static str) -> Arc<Entry> {
        let mut kept = self.kept();
        kept.counts.requests.fetch_add(1, Ordering::Relaxed);
        if fault != super::Fault::Pass.name() {
            kept.counts.faults.fetch_add(1, Ordering::Relaxed);
        }
        let record = Arc::new(Record {
            request,
            fault,
            request_bytes: AtomicU64::new(0),
            response_bytes: AtomicU64::new(0),
            upstream_status: OnceLock::new(),
            status: OnceLock::new(),
            totals: Arc::clone(&kept.counts),
        });
        if kept.records.len() < RECORDED {
            kept.records.push(Arc::clone(&record));
        }
        Arc::new(Entry {
            record,
            _under_way: UnderWay::new(&self.under_way),
        })
    }

    pub(super) fn exchanges(&self) -> Vec<Exchange> {
        let kept = self.kept();
        kept.records
            .iter()
            .map(|record| Exchange {
                request: record.request.clone(),
                request_bytes: record.request_bytes.load(Ordering::Relaxed),
                fault: record.fault,
                upstream_status: record.upstream_status.get().copied(),
                status: record.status.get().copied(),
                response_bytes: record.response_bytes.load(Ordering::Relaxed),
            })
            .collect()
    }

    pub(super) fn totals(&self) -> Totals {
        let kept = self.kept();
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Totals {
            requests: load(&kept.counts.requests),
            request_bytes: load(&kept.counts.request_bytes),
            response_bytes: load(&kept.counts.response_bytes),
            faults: load(&kept.counts.faults),
        }
    }

    pub(super) fn clear(&self) {
        *self.kept() = Kept::default();
    }

    pub(super) async fn idle(&self, limit: Duration) -> bool {
        let mut under_way = self.under_way.subscribe();
        tokio::time::timeout(limit, under_way.wait_for(|count| *count == 0))
            .await
            .is_ok()
    }
}

#[derive(Debug)]
struct UnderWay(Arc<watch::Sender<usize>>);

impl UnderWay {
    fn new(count: &Arc<watch::Sender<usize>>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(Arc::clone(count))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
