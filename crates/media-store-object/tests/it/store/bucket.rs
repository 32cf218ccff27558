//! A bucket in memory that counts requests, and fails, delays or loses them.

mod request;
mod upload;

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result,
};

pub(crate) use request::{Fate, Request, Verb};
use upload::FaultyUpload;

type Judge = Box<dyn FnMut(&Request) -> (Fate, usize) + Send>;

#[derive(Default)]
struct Record {
    requests: Mutex<Vec<Request>>,
    judge: Mutex<Option<Judge>>,
    open_uploads: AtomicUsize,
    begun_uploads: AtomicUsize,
    late: AtomicUsize,
    unordered: AtomicBool,
    repeated: AtomicBool,
    /// How far ahead of ours the service's clock is, in seconds.
    ahead: AtomicI64,
    /// Writes of names that contain this take no notice of conditions.
    unconditional: Mutex<Option<&'static str>>,
    /// What was written until a moment is so much older in listings.
    aged: Mutex<Option<(chrono::DateTime<chrono::Utc>, chrono::TimeDelta)>>,
}

/// Clones share bucket, record and faults.
#[derive(Clone)]
pub(crate) struct FaultyBucket {
    inner: Arc<InMemory>,
    record: Arc<Record>,
}

impl fmt::Debug for FaultyBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyBucket")
    }
}

impl fmt::Display for FaultyBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyBucket")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fault() -> Error {
    Error::Generic {
        store: "faulty",
        source: "Server returned non-2xx status code: 503 Service Unavailable: injected".into(),
    }
}

fn refusal() -> Error {
    Error::PermissionDenied {
        path: String::new(),
        source: "Server returned non-2xx status code: 403 Forbidden: injected".into(),
    }
}

async fn pause(polls: usize) {
    for _ in 0..polls {
        tokio::task::yield_now().await;
    }
}

impl FaultyBucket {
    pub(crate) fn new() -> Self {
        Self {
            inner: Arc::new(InMemory::new()),
            record: Arc::default(),
        }
    }

    /// Another client of the same bucket, with a record and faults of its own.
    pub(crate) fn beside(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            record: Arc::default(),
        }
    }

    /// From now on, this decides what becomes of each request, and how often it yields before.
    pub(crate) fn judge(&self, judge: impl FnMut(&Request) -> (Fate, usize) + Send + 'static) {
        *lock(&self.record.judge) = Some(Box::new(judge));
    }

    /// No more faults.
    pub(crate) fn heal(&self) {
        *lock(&self.record.judge) = None;
    }

    /// Lists in another order than that of the keys.
    pub(crate) fn list_unordered(&self) {
        self.record.unordered.store(true, Ordering::SeqCst);
    }

    /// Everything was stamped by a clock that is so far ahead of ours.
    pub(crate) fn set_clock(&self, ahead: chrono::TimeDelta) {
        let seconds = ahead.num_seconds();
        self.record.ahead.store(seconds, Ordering::SeqCst);
    }

    /// Everything that was written until now is so much older.
    pub(crate) fn age(&self, by: chrono::TimeDelta) {
        *lock(&self.record.aged) = Some((chrono::Utc::now(), by));
    }

    /// The requests that are on their way a second time have arrived.
    pub(crate) async fn settle(&self) {
        while self.late() > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets a copy of a request happen some time later.
    fn copy<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) {
        let record = Arc::clone(&self.record);
        let turns = 5 + 29 * (record.late.fetch_add(1, Ordering::SeqCst) % 7);
        drop(tokio::spawn(async move {
            pause(turns).await;
            let _ = work.await;
            record.late.fetch_sub(1, Ordering::SeqCst);
        }));
    }

    /// Lists everything twice, as pages that come again.
    pub(crate) fn list_twice(&self) {
        self.record.repeated.store(true, Ordering::SeqCst);
    }

    /// From now on, every write of a record succeeds, whatever it expects.
    pub(crate) fn ignore_conditions(&self) {
        self.ignore_conditions_of("/rec/");
    }

    /// From now on, every write of a name that contains this succeeds, whatever it expects.
    pub(crate) fn ignore_conditions_of(&self, part: &'static str) {
        *lock(&self.record.unconditional) = Some(part);
    }

    /// The requests since the last call.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.record.requests))
    }

    /// How many uploads were ever begun.
    pub(crate) fn begun_uploads(&self) -> usize {
        self.record.begun_uploads.load(Ordering::SeqCst)
    }

    pub(crate) fn open_uploads(&self) -> usize {
        self.record.open_uploads.load(Ordering::SeqCst)
    }

    /// Requests that failed and have not happened yet.
    pub(crate) fn late(&self) -> usize {
        self.record.late.load(Ordering::SeqCst)
    }

    /// All keys.
    pub(crate) fn names(&self) -> Vec<String> {
        let listed = self.inner.list(None);
        let collected = futures_util::FutureExt::now_or_never(listed.try_collect::<Vec<_>>());
        let metas = collected.unwrap().unwrap();
        metas.into_iter().map(|meta| meta.location.into()).collect()
    }

    /// The only key that contains this.
    pub(crate) fn name_with(&self, part: &str) -> Path {
        let mut found = self.names();
        found.retain(|name| name.contains(part));
        assert_eq!(found.len(), 1, "{part}: {found:?}");
        Path::parse(&found[0]).unwrap()
    }

    pub(crate) fn inner(&self) -> &InMemory {
        &self.inner
    }

    async fn passes(&self, verb: Verb, key: &str, body: usize) -> Fate {
        let request = Request {
            verb,
            key: key.to_owned(),
            body,
        };
        let verdict = lock(&self.record.judge)
            .as_mut()
            .map(|judge| judge(&request));
        lock(&self.record.requests).push(request);
        let (fate, polls) = verdict.unwrap_or((Fate::Pass, 0));
        pause(polls).await;
        fate
    }

    /// Lets a request happen according to its fate.
    async fn happen<T: Send + 'static>(
        &self,
        fate: Fate,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        match fate {
            Fate::Pass | Fate::Copied => work.await,
            Fate::FailBefore => Err(fault()),
            Fate::Refused => Err(refusal()),
            Fate::FailAfter => {
                work.await?;
                Err(fault())
            }
            Fate::Late => {
                let record = Arc::clone(&self.record);
                record.late.fetch_add(1, Ordering::SeqCst);
                drop(tokio::spawn(async move {
                    pause(37).await;
                    let _ = work.await;
                    record.late.fetch_sub(1, Ordering::SeqCst);
                }));
                Err(fault())
            }
        }
    }

    /// Applies the clock and the age of the bucket.
    fn stamp(&self, meta: &mut ObjectMeta) {
        if let Some((until, by)) = *lock(&self.record.aged)
            && meta.last_modified <= until
        {
            meta.last_modified -= by;
        }
        let ahead = self.record.ahead.load(Ordering::SeqCst);
        meta.last_modified += chrono::TimeDelta::seconds(ahead);
    }

    fn listed(&self, listed: Vec<ObjectMeta>) -> Vec<ObjectMeta> {
        let mut listed = listed;
        for meta in &mut listed {
            self.stamp(meta);
        }
        if self.record.unordered.load(Ordering::SeqCst) {
            listed.sort_by_key(|meta| meta.location.as_ref().bytes().rev().collect::<Vec<_>>());
        }
        if self.record.repeated.load(Ordering::SeqCst) {
            listed.extend_from_within(..);
        }
        listed
    }
}

#[async_trait]
impl ObjectStore for FaultyBucket {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        mut opts: PutOptions,
    ) -> Result<PutResult> {
        let unconditional = *lock(&self.record.unconditional);
        if unconditional.is_some_and(|part| location.as_ref().contains(part)) {
            opts.mode = PutMode::Overwrite;
        }
        let len = payload.content_length();
        let fate = self.passes(Verb::Put, location.as_ref(), len).await;
        let (inner, location) = (Arc::clone(&self.inner), location.clone());
        if fate == Fate::Copied {
            let (inner, location) = (Arc::clone(&inner), location.clone());
            let (payload, opts) = (payload.clone(), opts.clone());
            self.copy(async move { inner.put_opts(&location, payload, opts).await });
        }
        self.happen(fate, async move {
            inner.put_opts(&location, payload, opts).await
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let fate = self.passes(Verb::Begin, location.as_ref(), 0).await;
        if fate != Fate::Pass {
            return Err(fault());
        }
        let upload = self.inner.put_multipart_opts(location, opts).await?;
        self.record.open_uploads.fetch_add(1, Ordering::SeqCst);
        self.record.begun_uploads.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FaultyUpload {
            bucket: self.clone(),
            key: location.to_string(),
            upload,
            sent: Vec::new(),
            open: true,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.passes(Verb::Get, location.as_ref(), 0).await {
            Fate::Pass => {
                let mut result = self.inner.get_opts(location, options).await?;
                self.stamp(&mut result.meta);
                Ok(result)
            }
            Fate::Refused => Err(refusal()),
            _ => Err(fault()),
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        locations
            .and_then(move |location| {
                let this = this.clone();
                async move {
                    let fate = this.passes(Verb::Delete, location.as_ref(), 0).await;
                    let (inner, gone) = (Arc::clone(&this.inner), location.clone());
                    if fate == Fate::Copied {
                        let (inner, gone) = (Arc::clone(&inner), gone.clone());
                        this.copy(async move { inner.delete(&gone).await });
                    }
                    this.happen(fate, async move { inner.delete(&gone).await })
                        .await?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (this, prefix) = (self.clone(), prefix.cloned());
        stream::once(async move {
            let key = prefix.as_ref().map_or("", |prefix| prefix.as_ref());
            match this.passes(Verb::List, key, 0).await {
                Fate::Pass => {
                    let listed = this.inner.list(prefix.as_ref()).try_collect().await?;
                    Ok(stream::iter(this.listed(listed).into_iter().map(Ok)))
                }
                _ => Err(fault()),
            }
        })
        .try_flatten()
        .boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let key = prefix.map_or("", |prefix| prefix.as_ref());
        match self.passes(Verb::List, key, 0).await {
            Fate::Pass => self.inner.list_with_delimiter(prefix).await,
            _ => Err(fault()),
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
