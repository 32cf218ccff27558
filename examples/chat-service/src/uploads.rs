//! Uploads: what may be sent, and where it goes.

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
    StorageErrorKind, UploadParts,
};
use media_types::StorageReference;
use media_types::readable::causes;

use crate::app::App;
use crate::config::Config;
use crate::error::kind_of;
use crate::user::User;

/// Size of the files of one request together, in bytes.
pub(crate) const MAX_WHOLE: u64 = 20 << 20;
/// Size of a file that is uploaded in parts, or straight to the bucket, in bytes.
pub(crate) const MAX_IN_PARTS: u64 = 500 << 20;

/// What may be uploaded: what the model takes, and what can be made to fit. HEIC is neither, so whoever sends a photo
/// as HEIC gets an error at once, and not an answer without it.
const TYPES: [&str; 7] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "audio/*",
    "video/*",
    "application/pdf",
];

/// Returns what a user may upload, whichever way it takes.
pub(crate) fn grant(user: &User, max_bytes: u64) -> UploadGrant {
    let metadata = MediaMetadata::new().with_user(user.0.clone());
    UploadGrant::new(metadata)
        .with_max_bytes(max_bytes)
        .with_types(TYPES)
}

/// Permits uploads to everybody who is not being erased.
pub(crate) struct Uploads {
    app: App,
    max_bytes: u64,
}

impl Uploads {
    /// Creates the policy of requests with at most `max_bytes` bytes.
    pub(crate) fn new(app: App, max_bytes: u64) -> Self {
        Self { app, max_bytes }
    }
}

#[async_trait]
impl UploadPolicy for Uploads {
    async fn authorize(&self, request: &Parts) -> Result<UploadGrant, UploadRefusal> {
        let user = User::of(&request.headers).ok_or(UploadRefusal::Unauthorized)?;
        match self.app.manager().is_erased(&user.0).await {
            Ok(false) => Ok(grant(&user, self.max_bytes)),
            Ok(true) => Err(UploadRefusal::Forbidden),
            Err(error) => {
                tracing::warn!(error = %causes(&error), "nobody can be permitted to upload");
                Err(UploadRefusal::Unavailable)
            }
        }
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
        let UploadParts {
            mime,
            body,
            metadata,
            ..
        } = upload.into_parts();
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

/// Returns the kind that decides the status of the response. A user who is being erased gets a status that
/// says so, and need not try again.
fn status_kind(error: &ConversationError) -> StorageErrorKind {
    if error.kind() == ConversationErrorKind::NotFound {
        return StorageErrorKind::NotFound;
    }
    kind_of(error).unwrap_or(StorageErrorKind::Unavailable)
}
