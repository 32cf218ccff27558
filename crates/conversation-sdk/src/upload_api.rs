//! Media that users hand in before a turn.

use std::sync::Arc;
use std::time::Duration;

use media_storage::{MediaBody, MediaStorageExt, MediaUpload, RetentionPolicy};
use media_types::{MediaContent, Mime, UserId};

use crate::core::{Core, upload_owner};
use crate::error::{ConversationError, ConversationErrorKind as Kind};
use crate::lifecycle::{WorkLease, on_task, take_upload_slot};
use crate::manager::ConversationManager;
use crate::owner::Owner;

/// How long an upload is kept, by default.
const KEPT_HOURS: u32 = 24;
/// How often the lease of a running upload is renewed.
const RENEW_EVERY: Duration = Duration::from_secs(15);

/// Media that a user hands in before a turn.
///
/// ```
/// use conversation_sdk::Upload;
/// let png = media_types::Mime::IMAGE_PNG;
/// let upload = Upload::new(png, b"...".as_slice().to_vec()).with_filename("cat.png");
/// ```
#[derive(Debug)]
pub struct Upload {
    mime: Mime,
    body: MediaBody,
    filename: Option<String>,
    retention: RetentionPolicy,
}

impl Upload {
    /// Creates an upload of bytes or a stream of them.
    pub fn new(mime: Mime, body: impl Into<MediaBody>) -> Self {
        Self {
            mime,
            body: body.into(),
            filename: None,
            retention: RetentionPolicy::RetainHours(KEPT_HOURS),
        }
    }

    /// Sets the name that the file has. Defaults to none.
    #[must_use]
    pub fn with_filename(mut self, name: impl Into<String>) -> Self {
        self.filename = Some(name.into());
        self
    }

    /// Sets how long the upload is kept. Conversations keep copies of their own. Defaults to 24
    /// hours.
    #[must_use]
    pub fn with_retention(mut self, retention: RetentionPolicy) -> Self {
        self.retention = retention;
        self
    }
}

impl ConversationManager {
    /// Stores media for a user and returns what a message of the same user names it by. The turn
    /// that names it copies it into its conversation, so that it can be sent again after a turn that
    /// failed, and in several conversations; the upload itself goes by its retention.
    ///
    /// At most 8 uploads of a user run at once; another one waits. Goes on when the future is
    /// dropped, as long as the body gives bytes.
    ///
    /// # Errors
    /// `InvalidInput` for an owner that is not a user, `Config` without a media store, `NotFound` while
    /// the user is being erased, `Busy`, `Storage`, `State`, `Closed`.
    pub async fn upload(
        &self,
        owner: Owner,
        upload: Upload,
    ) -> Result<MediaContent, ConversationError> {
        self.open().await?;
        let user = owner.as_user()?.ok_or_else(|| {
            ConversationError::new(Kind::InvalidInput).with_detail("an upload needs a user")
        })?;
        let core = Arc::clone(&self.core);
        let steps = async move {
            let lease = take_upload_slot(&core, &user).await?;
            let stored = store(&core, &user, upload, &lease).await;
            lease.release().await;
            stored
        };
        on_task(&self.core, steps).await
    }
}

async fn store(
    core: &Core,
    user: &UserId,
    upload: Upload,
    lease: &WorkLease,
) -> Result<MediaContent, ConversationError> {
    let storage = core.stores.primary().ok_or_else(|| {
        ConversationError::new(Kind::Config)
            .with_detail("there is no media store")
            .with_hint("Give the manager a media store")
    })?;
    let mut metadata = upload_owner()?
        .with_user(user.clone())
        .with_run(core.run.clone())
        .with_retention(upload.retention);
    if let Some(name) = &upload.filename {
        metadata = metadata.with_filename(name.clone());
    }
    let media = MediaUpload::new(upload.mime.clone(), upload.body, metadata);
    let mut storing = storage.store(media);
    let reference = loop {
        tokio::select! {
            stored = &mut storing => break stored?,
            () = tokio::time::sleep(RENEW_EVERY) => {
                // Nobody waits for an upload without a lease: an erasure may be done already.
                if !lease.renew().await? {
                    return Err(ConversationError::new(Kind::LeaseLost)
                        .with_detail("the upload took too long to renew its lease"));
                }
            }
        }
    };
    if core.fences.is_fenced(&*core.state, Some(user)).await? {
        storage.delete(&reference).await?;
        return Err(ConversationError::new(Kind::NotFound).with_detail("the user is being erased"));
    }
    let content = MediaContent::from_reference(upload.mime, reference);
    Ok(match upload.filename {
        Some(name) => content.with_filename(name),
        None => content,
    })
}
