//! A file that was uploaded just now.

use std::sync::Arc;
use std::time::Duration;

use media_types::MediaContent;
use media_types::readable::causes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::record::{FileKey, FileRecord};
use super::service::FileService;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::media::MediaContext;

/// A file that was uploaded and that nothing names yet. Unless it is kept, it is deleted: else it would stay
/// at the provider when its media is erased.
#[derive(Debug)]
pub(super) struct FreshFile {
    service: Arc<dyn FileService>,
    record: FileRecord,
    is_named: bool,
    /// While it is held, nobody else uploads or deletes the same.
    flight: Option<OwnedMutexGuard<()>>,
}

/// What is uploaded.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) key: FileKey,
    pub(super) content: MediaContent,
    pub(super) bytes: u64,
    pub(super) media: MediaContext,
    pub(super) keep_for: Duration,
    pub(super) flight: OwnedMutexGuard<()>,
}

impl FreshFile {
    /// Uploads media. The upload goes on where nobody waits for it any more, since the provider may have the
    /// file already.
    ///
    /// # Errors
    /// Those of the provider.
    pub(super) async fn upload(
        service: &Arc<dyn FileService>,
        upload: Upload,
    ) -> Result<Self, ProviderError> {
        let provider = service.provider();
        let service = Arc::clone(service);
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            let Upload { content, media, .. } = &upload;
            let uploaded = service.upload(content, media, upload.keep_for).await;
            let fresh = uploaded.map(|uploaded| {
                let mut record = FileRecord::new(upload.key, uploaded.id);
                record.name = uploaded.name;
                record.bytes = upload.bytes;
                record.expires_at = uploaded.expires_at;
                Self {
                    service,
                    record,
                    is_named: false,
                    flight: Some(upload.flight),
                }
            });
            // One that nobody takes is dropped, and so deleted.
            drop(sender.send(fresh));
        });
        receiver.await.unwrap_or_else(|_| {
            let error = ProviderError::new(ProviderErrorKind::Other, provider);
            Err(error.with_reason("the upload ended without an answer"))
        })
    }

    /// Returns the record of the file.
    pub(super) fn record(&self) -> &FileRecord {
        &self.record
    }

    /// Keeps the file: it is named now. While what is returned beside its record is held, nobody else uploads
    /// or deletes the same.
    pub(super) fn keep(mut self) -> (FileRecord, Option<OwnedMutexGuard<()>>) {
        self.is_named = true;
        (self.record.clone(), self.flight.take())
    }

    /// Deletes the file.
    ///
    /// # Errors
    /// Those of the provider. It is tried once more then.
    pub(super) async fn delete(mut self) -> Result<(), ProviderError> {
        self.service.delete(&self.record.name).await?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for FreshFile {
    fn drop(&mut self) {
        if self.is_named {
            return;
        }
        // Without a runtime the process ends, and the provider deletes the file in its time.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (service, flight) = (Arc::clone(&self.service), self.flight.take());
        let name = self.record.name.clone();
        runtime.spawn(async move {
            let _one_at_a_time = flight;
            if let Err(error) = service.delete(&name).await {
                tracing::warn!(error = %causes(&error), "an uploaded file that nothing names is left");
            }
        });
    }
}
