//! Uploads: what may be sent, and where it goes.

use std::time::Duration;

use async_trait::async_trait;
use axum::http::request::Parts;
use conversation_sdk::{ConversationError, ConversationErrorKind, Owner, Upload};
use examples::errors::Failure;
use media_http::{
    ResumableErrorKind, SpoolOptions, UploadGrant, UploadPolicy, UploadRefusal, UploadSpool,
    UploadTarget,
};
use media_image::{ImageLimits, screen_pixels};
use media_storage::{
    DeleteOptions, MediaMetadata, MediaStorage, MediaUpload, Operation, StorageError,
    StorageErrorKind,
};
use media_types::StorageReference;

use crate::app::App;
use crate::config::Config;
use crate::error::kind_of;
use crate::user::User;

/// What everybody may upload with one request, or as one upload in parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Uploads {
    max_bytes: u64,
}

impl Uploads {
    /// At most 10 files of together 20 MiB.
    pub(crate) const WHOLE: Self = Self {
        max_bytes: 20 << 20,
    };
    /// A file of at most 500 MiB.
    pub(crate) const IN_PARTS: Self = Self {
        max_bytes: 500 << 20,
    };

    /// Returns the limit, in bytes.
    pub(crate) fn max_bytes(self) -> u64 {
        self.max_bytes
    }
}

#[async_trait]
impl UploadPolicy for Uploads {
    async fn authorize(&self, request: &Parts) -> Result<UploadGrant, UploadRefusal> {
        let user = User::of(&request.headers).ok_or(UploadRefusal::Unauthorized)?;
        let metadata = MediaMetadata::new().with_user(user.0);
        Ok(UploadGrant::new(metadata).with_max_bytes(self.max_bytes))
    }
}

/// Opens the directory of the parts of this node.
pub(crate) async fn open_spool(config: &Config) -> Result<UploadSpool, Failure> {
    let directory = match &config.spool {
        Some(directory) => directory.clone(),
        None => config.data.join("uploads"),
    };
    let opened = UploadSpool::open(directory, SpoolOptions::new()).await;
    opened.map_err(|error| {
        let advice = match error.kind() {
            ResumableErrorKind::InUse => "Give each node a directory of its own with --spool",
            _ => "Name a directory that can be written with --spool",
        };
        Failure::from_error(error, advice)
    })
}

/// Uploads go through the manager, so that none outlives the erasure of its user. Images that nothing here
/// would decode are refused.
#[async_trait]
impl UploadTarget for App {
    async fn take(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let (mime, body, metadata, _) = upload.into_parts();
        let refuse = |kind| StorageError::new(kind, Operation::Store);
        let user = metadata
            .user()
            .ok_or_else(|| refuse(StorageErrorKind::InvalidInput))?;
        let body = screen_pixels(body, &ImageLimits::new()).await?;
        let mut upload = Upload::new(mime, body);
        if let Some(name) = metadata.filename() {
            upload = upload.with_filename(name);
        }
        let owner = Owner::user(user.as_str());
        let stored = self.manager().upload(owner, upload).await;
        let content = stored.map_err(|error| refuse(status_kind(&error)).with_source(error))?;
        content
            .reference()
            .cloned()
            .ok_or_else(|| refuse(StorageErrorKind::Other))
    }

    async fn take_back(&self, references: &[StorageReference]) -> Vec<Result<(), StorageError>> {
        self.storage()
            .delete_many(references, DeleteOptions::new())
            .await
    }
}

/// Returns the kind that decides the status of the response. Who is being erased is told so, and need not try
/// again.
fn status_kind(error: &ConversationError) -> StorageErrorKind {
    if error.kind() == ConversationErrorKind::NotFound {
        return StorageErrorKind::NotFound;
    }
    kind_of(error).unwrap_or(StorageErrorKind::Unavailable)
}

/// Removes, again and again, the parts of users who were erased on another node: an erasure removes those of its
/// own node, and every node asks for the users whose parts it has.
pub(crate) async fn follow_erasures(app: App, spool: UploadSpool, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        for user in spool.users() {
            match app.manager().is_erased(&user).await {
                Ok(true) => {
                    spool.remove_user(&user).await;
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "parts of erased users are looked for later");
                    break;
                }
            }
        }
    }
}
