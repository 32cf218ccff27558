//! A bucket in memory that counts requests and takes its time.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Keys in a page of a listing.
const PAGE: usize = 1000;

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    pages: AtomicU64,
    /// Milliseconds of a request and of a page.
    latency: AtomicU64,
    page_latency: AtomicU64,
    /// Milliseconds that the clock of the service is ahead in listings.
    ahead: AtomicU64,
}

/// Clones share the bucket and its counters.
#[derive(Clone, Debug)]
pub(crate) struct SlowBucket {
    inner: Arc<InMemory>,
    counters: Arc<Counters>,
}

/// Requests since the last look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Requests that are not listings.
    pub(crate) others: u64,
    /// Pages of listings, a request each.
    pub(crate) pages: u64,
}

impl Counted {
    pub(crate) fn all(self) -> u64 {
        self.others + self.pages
    }
}

impl fmt::Display for SlowBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SlowBucket")
    }
}

impl SlowBucket {
    pub(crate) fn new() -> Self {
        Self {
            inner: Arc::new(InMemory::new()),
            counters: Arc::default(),
        }
    }

    pub(crate) fn set_latency(&self, request: u64, page: u64) {
        self.counters.latency.store(request, Ordering::Relaxed);
        self.counters.page_latency.store(page, Ordering::Relaxed);
    }

    /// Sets how far the clock of the service is ahead in listings: time that has passed for leases.
    pub(crate) fn set_clock(&self, ahead: Duration) {
        let millis = u64::try_from(ahead.as_millis()).unwrap_or_default();
        self.counters.ahead.store(millis, Ordering::Relaxed);
    }

    /// Returns all names and sizes, without counting a request.
    pub(crate) async fn contents(&self) -> Result<Vec<ObjectMeta>> {
        self.inner.list(None).try_collect().await
    }

    pub(crate) fn take(&self) -> Counted {
        Counted {
            others: self.counters.requests.swap(0, Ordering::Relaxed),
            pages: self.counters.pages.swap(0, Ordering::Relaxed),
        }
    }

    async fn pass(&self) {
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let millis = self.counters.latency.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    async fn page(&self) {
        self.counters.pages.fetch_add(1, Ordering::Relaxed);
        let millis = self.counters.page_latency.load(Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    fn paged(
        &self,
        listed: BoxStream<'static, Result<ObjectMeta>>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let this = self.clone();
        stream::once(async move {
            this.page().await;
            let mut all: Vec<ObjectMeta> = listed.try_collect().await?;
            let ahead = this.counters.ahead.load(Ordering::Relaxed);
            for meta in &mut all {
                meta.last_modified += Duration::from_millis(ahead);
            }
            let items = stream::iter(all.into_iter().enumerate()).then(move |(at, meta)| {
                let this = this.clone();
                async move {
                    if at > 0 && at % PAGE == 0 {
                        this.page().await;
                    }
                    Ok(meta)
                }
            });
            Ok::<_, object_store::Error>(items)
        })
        .try_flatten()
        .boxed()
    }
}

#[async_trait]
impl ObjectStore for SlowBucket {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.pass().await;
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.pass().await;
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.pass().await;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.pass().await;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        locations
            .map(move |location| {
                let this = this.clone();
                async move {
                    let location = location?;
                    this.pass().await;
                    this.inner.delete(&location).await?;
                    Ok(location)
                }
            })
            .buffered(10)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.paged(self.inner.list(prefix))
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.paged(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.page().await;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.pass().await;
        self.inner.copy_opts(from, to, options).await
    }
}
