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

use crate::names::Names;

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
    names: Arc<Names>,
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
            names: Arc::default(),
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

    /// Lists a page at a time, as a service does: nothing but the page is in memory.
    fn paged(
        &self,
        prefix: Option<&Path>,
        offset: Option<&Path>,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        let begin = (self.clone(), prefix.cloned(), offset.cloned());
        stream::try_unfold(Some(begin), |at| async move {
            let Some((this, prefix, offset)) = at else {
                return Ok::<_, object_store::Error>(None);
            };
            this.page().await;
            let (page, more) = this.names.page(prefix.as_ref(), offset.as_ref());
            let last = page.last().map(|meta| meta.location.clone());
            let next = last
                .filter(|_| more)
                .map(|last| (this.clone(), prefix, Some(last)));
            let ahead = Duration::from_millis(this.counters.ahead.load(Ordering::Relaxed));
            let page = page.into_iter().map(move |mut meta| {
                meta.last_modified += ahead;
                Ok(meta)
            });
            Ok(Some((stream::iter(page), next)))
        })
        .try_flatten()
        .boxed()
    }

    /// Notes what lies under a name after a change.
    async fn note(&self, location: &Path) {
        self.names
            .set(location, self.inner.head(location).await.ok());
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
        let put = self.inner.put_opts(location, payload, opts).await;
        self.note(location).await;
        put
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        // Small media needs no parts, and the listings would not show what comes in parts.
        Err(object_store::Error::NotImplemented {
            operation: format!("put_multipart_opts of {location}, {opts:?}"),
            implementer: self.to_string(),
        })
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
                    let deleted = this.inner.delete(&location).await;
                    this.note(&location).await;
                    deleted.map(|()| location)
                }
            })
            .buffered(10)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.paged(prefix, None)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.paged(prefix, Some(offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.page().await;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.pass().await;
        let copied = self.inner.copy_opts(from, to, options).await;
        self.note(to).await;
        copied
    }
}
