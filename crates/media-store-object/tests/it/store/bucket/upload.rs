//! An upload in parts, whose requests fail, are delayed or lost.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{
    MultipartUpload, ObjectStore as _, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::{Fate, FaultyBucket, Verb, fault};

#[derive(Debug)]
pub(super) struct FaultyUpload {
    pub(super) bucket: FaultyBucket,
    pub(super) key: String,
    pub(super) upload: Box<dyn MultipartUpload>,
    /// The parts, in their order.
    pub(super) sent: Vec<Bytes>,
    pub(super) open: bool,
}

impl FaultyUpload {
    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            let uploads = &self.bucket.record.open_uploads;
            uploads.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// What the completion does whenever it arrives: it writes the object, also where it was removed in
    /// the meantime.
    fn landing(&self) -> impl Future<Output = Result<PutResult>> + Send + 'static {
        let payload: PutPayload = self.sent.iter().cloned().collect();
        let (inner, key) = (Arc::clone(&self.bucket.inner), self.key.clone());
        async move {
            let location = Path::parse(key)?;
            inner
                .put_opts(&location, payload, PutOptions::default())
                .await
        }
    }
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (bucket, key, len) = (self.bucket.clone(), self.key.clone(), data.content_length());
        self.sent.extend(data.iter().cloned());
        let part = self.upload.put_part(data);
        Box::pin(async move {
            match bucket.passes(Verb::Part, &key, len).await {
                Fate::Pass => part.await,
                _ => Err(fault()),
            }
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let fate = self.bucket.passes(Verb::Complete, &self.key, 0).await;
        match fate {
            Fate::Pass => {
                self.close();
                self.upload.complete().await
            }
            Fate::Copied => {
                self.close();
                self.bucket.copy(self.landing());
                self.upload.complete().await
            }
            Fate::Late => self.bucket.happen(fate, self.landing()).await,
            Fate::FailAfter => {
                self.close();
                self.upload.complete().await?;
                Err(fault())
            }
            _ => Err(fault()),
        }
    }

    async fn abort(&mut self) -> Result<()> {
        match self.bucket.passes(Verb::Abort, &self.key, 0).await {
            Fate::Pass => {
                self.close();
                self.upload.abort().await
            }
            _ => Err(fault()),
        }
    }
}
