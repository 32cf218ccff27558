//! Memory is bounded by parts in flight, whatever the size of the media.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use media_storage::{MediaBody, MediaStorage as _, MediaUpload};
use media_store_object::ObjectMediaStore;
use media_types::Mime;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::{MIB, about};

const LEN: usize = 96 * MIB;
const PIECE: usize = 64 * 1024;

/// Bytes that were made and not sent yet, and the most there ever were.
#[derive(Debug, Default)]
struct Held {
    now: AtomicI64,
    most: AtomicI64,
}

impl Held {
    fn add(&self, bytes: usize) {
        let now = self.now.fetch_add(bytes as i64, Ordering::SeqCst) + bytes as i64;
        self.most.fetch_max(now, Ordering::SeqCst);
    }

    fn sub(&self, bytes: usize) {
        self.now.fetch_sub(bytes as i64, Ordering::SeqCst);
    }
}

/// Takes parts slowly and keeps nothing of them.
#[derive(Debug)]
struct Sink(InMemory, Arc<Held>);

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}

#[derive(Debug)]
struct SinkUpload(Arc<Held>);

#[async_trait]
impl MultipartUpload for SinkUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let held = Arc::clone(&self.0);
        Box::pin(async move {
            for _ in 0..2000 {
                tokio::task::yield_now().await;
            }
            held.sub(data.content_length());
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        Ok(PutResult {
            e_tag: None,
            version: None,
            extensions: Default::default(),
        })
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl ObjectStore for Sink {
    async fn put_opts(&self, key: &Path, body: PutPayload, opts: PutOptions) -> Result<PutResult> {
        self.0.put_opts(key, body, opts).await
    }
    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(SinkUpload(Arc::clone(&self.1))))
    }
    async fn get_opts(&self, key: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(key, options).await
    }
    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }
    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

#[tokio::test]
async fn a_long_stream_is_held_two_parts_at_a_time() {
    let held = Arc::new(Held::default());
    let bucket = Sink(InMemory::new(), Arc::clone(&held));
    let store = ObjectMediaStore::builder()
        .with_object_store(Arc::new(bucket))
        .build()
        .await
        .unwrap();
    let made = Arc::clone(&held);
    let pieces = (0..LEN / PIECE).map(move |_| {
        made.add(PIECE);
        Ok(vec![7; PIECE].into())
    });
    let body = MediaBody::from_stream(Some(LEN as u64), futures_util::stream::iter(pieces));
    let upload = MediaUpload::new(Mime::IMAGE_PNG, body, about("conv-1"));
    let reference = store.store(upload).await.unwrap();
    assert_eq!(reference.size(), Some(LEN as u64));
    let most = held.most.load(Ordering::SeqCst);
    let bound = (2 * 8 * MIB + PIECE) as i64;
    assert!(most <= bound, "{most} bytes held");
    assert!(most > 8 * MIB as i64, "only one part in flight");
}
