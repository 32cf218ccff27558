//! Media that users hand in before a turn.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use media_storage::{
    MediaBody, MediaMetadata, MediaStorage, MediaStorageExt, MediaUpload, RetentionPolicy,
    StorageError, StorageErrorKind,
};
use media_types::{ConversationId, MediaContent, Mime, StorageReference, UserId};

use crate::core::Core;
use crate::error::{LifecycleError, LifecycleErrorKind as Kind};
use crate::lease::{self, WorkLease};
use crate::on_task::on_task;
use crate::upload_owner::upload_owner;
use crate::upload_slots::{self, erased};

/// How long an upload is kept, by default.
const KEPT_HOURS: u32 = 24;

/// Media that a user hands in before a turn.
///
/// ```
/// use conversation_lifecycle::Upload;
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

/// Stores an upload under one of the slots of its user.
///
/// # Errors
/// `Config` without a media store, `NotFound` while the user is being erased, `Busy`, `LeaseLost`,
/// `Storage`, `State`.
pub(crate) async fn upload(
    core: &Arc<Core>,
    user: UserId,
    upload: Upload,
) -> Result<MediaContent, LifecycleError> {
    let Upload {
        mime,
        body,
        filename,
        retention,
    } = upload;
    let storage = Arc::clone(primary(core)?);
    let (stored_mime, stored_name) = (mime.clone(), filename.clone());
    let store = move |metadata: MediaMetadata| async move {
        let mut metadata = metadata.with_retention(retention);
        if let Some(name) = stored_name {
            metadata = metadata.with_filename(name);
        }
        let media = MediaUpload::new(stored_mime, body, metadata);
        Ok::<_, LifecycleError>(storage.store(media).await?)
    };
    let reference = in_slot(core, user, store).await?;
    let content = MediaContent::from_reference(mime, reference);
    Ok(match filename {
        Some(name) => content.with_filename(name),
        None => content,
    })
}

/// Runs a function that stores media of a user, under one of the slots of the user, and checks whose media it is.
///
/// # Errors
/// As [`upload`]; `InvalidInput` for media that is not of the user.
pub(crate) async fn upload_with<F, Storing>(
    core: &Arc<Core>,
    user: UserId,
    store: F,
) -> Result<StorageReference, LifecycleError>
where
    F: FnOnce(MediaMetadata) -> Storing + Send + 'static,
    Storing: Future<Output = Result<StorageReference, StorageError>> + Send + 'static,
{
    let checked = {
        let core = Arc::clone(core);
        let user = user.clone();
        move |metadata: MediaMetadata| async move {
            let upload = metadata.conversation().cloned();
            let reference = store(metadata).await?;
            check_owner(&**primary(&core)?, &reference, &user, upload.as_ref()).await?;
            Ok::<_, LifecycleError>(reference)
        }
    };
    in_slot(core, user, checked).await
}

/// Checks that media which a function stored is of the user, so that an erasure finds it. Media of the upload that is
/// not is deleted; other media is not touched, since it may be anybody's.
async fn check_owner(
    storage: &dyn MediaStorage,
    reference: &StorageReference,
    user: &UserId,
    upload: Option<&ConversationId>,
) -> Result<(), LifecycleError> {
    let stored = storage.head(reference).await.map_err(|error| {
        if error.kind() != StorageErrorKind::NotFound {
            return LifecycleError::from(error);
        }
        LifecycleError::new(Kind::NotFound)
            .with_detail("the media of an upload is gone, as after an erasure of its user")
            .with_source(error)
    })?;
    if stored.metadata.user() == Some(user) {
        return Ok(());
    }
    if stored.metadata.conversation() == upload {
        storage.delete(reference).await?;
    }
    Err(LifecycleError::new(Kind::InvalidInput)
        .with_detail("the media of an upload was not stored with the user that it was to have"))
}

/// Runs a function that stores media of a user as it must be, under one of the slots of the user.
async fn in_slot<F, Storing>(
    core: &Arc<Core>,
    user: UserId,
    store: F,
) -> Result<StorageReference, LifecycleError>
where
    F: FnOnce(MediaMetadata) -> Storing + Send + 'static,
    Storing: Future<Output = Result<StorageReference, LifecycleError>> + Send + 'static,
{
    let task_core = Arc::clone(core);
    let steps = async move {
        let lease = upload_slots::take(&task_core, &user).await?;
        let stored = under_lease(&task_core, &user, store, &lease).await;
        lease.release().await;
        stored
    };
    on_task(core, steps).await
}

fn primary(core: &Core) -> Result<&Arc<dyn MediaStorage>, LifecycleError> {
    let primary = core.stores.primary();
    primary.ok_or_else(|| LifecycleError::new(Kind::Config).with_detail("there is no media store"))
}

async fn under_lease<F, Storing>(
    core: &Core,
    user: &UserId,
    store: F,
    lease: &WorkLease,
) -> Result<StorageReference, LifecycleError>
where
    F: FnOnce(MediaMetadata) -> Storing,
    Storing: Future<Output = Result<StorageReference, LifecycleError>>,
{
    let storage = primary(core)?;
    let metadata = upload_owner()?
        .with_user(user.clone())
        .with_run(core.node.clone())
        .with_retention(RetentionPolicy::RetainHours(KEPT_HOURS));
    let mut storing = pin!(store(metadata));
    let reference = loop {
        tokio::select! {
            stored = &mut storing => break stored?,
            () = tokio::time::sleep(lease.renew_every()) => {
                // Nobody waits for an upload without a lease: an erasure may be done already.
                if !lease.renew().await? {
                    return Err(lease::lost());
                }
                // What waits for its client for ever would keep the erasure waiting.
                if core.fences.is_fenced(&*core.state, Some(user)).await? {
                    return Err(erased());
                }
            }
        }
    };
    if core.fences.is_fenced(&*core.state, Some(user)).await? {
        storage.delete(&reference).await?;
        return Err(erased());
    }
    Ok(reference)
}
