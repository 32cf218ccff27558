//! Multipart uploads: a bounded number of parts in flight, aborted unless completed.

use bytes::Bytes;
use media_storage::{StorageError, StorageErrorKind};
use object_store::path::Path;
use object_store::{Attributes, MultipartUpload};
use tokio::task::JoinSet;

use super::handle::Bucket;
use crate::error::aborted;

/// Maximum number of parts of an upload.
pub(crate) const MAX_PARTS: u64 = 10_000;

/// A multipart upload. Nothing is visible before [`complete`](Self::complete); if it is dropped
/// earlier, it is aborted in the background.
#[derive(Debug)]
pub(crate) struct Multipart {
    upload: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<object_store::Result<()>>,
    in_flight: usize,
    begun: u64,
    bucket: Bucket,
}

impl Multipart {
    pub(crate) async fn begin(
        bucket: &Bucket,
        key: &Path,
        attributes: Attributes,
        in_flight: usize,
    ) -> Result<Self, StorageError> {
        let (bucket, key) = (bucket.clone(), key.clone());
        let stopped = bucket.fail(StorageErrorKind::Unavailable);
        // If the caller goes away while it waits for the answer, the task drops the upload that it
        // has begun, so that it is aborted.
        let beginning = tokio::spawn(async move {
            Ok(Self {
                upload: Some(bucket.begin_multipart(&key, attributes).await?),
                parts: JoinSet::new(),
                in_flight,
                begun: 0,
                bucket,
            })
        });
        beginning.await.map_err(|error| {
            stopped
                .with_reason("the runtime is shutting down")
                .with_source(aborted(error))
        })?
    }

    /// Waits until another part may be in memory. To be called before the part is read.
    pub(crate) async fn room(&mut self) -> Result<(), StorageError> {
        while self.parts.len() >= self.in_flight {
            self.join().await?;
        }
        Ok(())
    }

    async fn join(&mut self) -> Result<(), StorageError> {
        match self.parts.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(self.bucket.write_failed(error)),
            Some(Err(error)) => Err(self
                .bucket
                .fail(StorageErrorKind::Unavailable)
                .with_reason("the upload of a part was aborted")
                .with_source(aborted(error))),
        }
    }

    /// Sends the next part in the background.
    pub(crate) fn put(&mut self, part: Bytes) -> Result<(), StorageError> {
        if self.begun >= MAX_PARTS {
            let reason = "the stream is longer than 10,000 parts, the maximum of an upload";
            return Err(self
                .bucket
                .fail(StorageErrorKind::TooLarge)
                .with_reason(reason));
        }
        self.begun += 1;
        if let Some(upload) = self.upload.as_mut() {
            self.parts.spawn(upload.put_part(part.into()));
        }
        Ok(())
    }

    /// Waits until all parts were sent.
    pub(crate) async fn finish_parts(&mut self) -> Result<(), StorageError> {
        while !self.parts.is_empty() {
            self.join().await?;
        }
        Ok(())
    }

    /// Publishes the object. If this fails, the object may exist all the same.
    pub(crate) async fn complete(mut self) -> Result<(), StorageError> {
        self.finish_parts().await?;
        let Some(upload) = self.upload.as_mut() else {
            return Ok(());
        };
        match upload.complete().await {
            Ok(_) => {
                self.upload = None;
                Ok(())
            }
            Err(error) => Err(self.bucket.write_failed(error)),
        }
    }
}

impl Drop for Multipart {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else {
            return;
        };
        self.parts.abort_all();
        // Without a runtime, the bucket's lifecycle rule for incomplete uploads removes it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let mut parts = std::mem::take(&mut self.parts);
            drop(runtime.spawn(async move {
                // A part that is still being sent would outlive the abort.
                while parts.join_next().await.is_some() {}
                if let Err(error) = upload.abort().await {
                    let failure = crate::error::from_object_store(
                        error,
                        media_storage::Operation::Store,
                        crate::error::Verb::Write,
                    );
                    tracing::warn!(error = %failure, "failed to abort a multipart upload");
                }
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;
    use std::sync::Arc;

    #[tokio::test]
    async fn no_more_parts_are_sent_than_services_accept() {
        let store = Arc::new(InMemory::new());
        let bucket = Bucket::new(Arc::<InMemory>::clone(&store), "object".into());
        let key = Path::from("media");
        for (parts, fits) in [(MAX_PARTS, true), (MAX_PARTS + 1, false)] {
            let upload = Multipart::begin(&bucket, &key, Attributes::new(), 2).await;
            let mut upload = upload.unwrap();
            let mut last = Ok(());
            for _ in 0..parts {
                upload.room().await.unwrap();
                last = upload.put(Bytes::from_static(b"x"));
            }
            match fits {
                true => {
                    last.unwrap();
                    upload.complete().await.unwrap();
                    assert_eq!(store.head(&key).await.unwrap().size, MAX_PARTS);
                }
                false => assert_eq!(last.unwrap_err().kind(), StorageErrorKind::TooLarge),
            }
        }
    }
}
