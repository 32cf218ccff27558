//! Uploads from the browser straight to the bucket, where the media is in one.

use std::time::Duration;

use chrono::Utc;
use conversation_sdk::ConversationError;
use media_http::UploadedMedia;
use media_image::{ImageLimits, PROBE_LEN, screen_pixels};
use media_storage::{
    MediaMetadata, MediaStorage as _, MediaStorageExt as _, Operation, RetrieveOptions, Scope,
    SignedUrlOptions, StorageError, StorageErrorKind,
};
use media_store_object::{ObjectMediaStore, SignedUpload, UploadTicket};
use media_types::{Mime, StorageReference};

use crate::app::App;
use crate::tickets::TicketSeal;
use crate::uploads::Uploads;
use crate::user::User;

/// How long an upload may begin after it was announced, and be adopted.
const VALIDITY: Duration = Duration::from_secs(900);

/// A bucket that browsers upload to by themselves.
#[derive(Clone)]
pub(crate) struct DirectUploads {
    bucket: ObjectMediaStore,
    seal: TicketSeal,
    origin: String,
}

/// What a browser is told to send, and where.
pub(crate) struct Announced {
    pub(crate) upload: SignedUpload,
    pub(crate) ticket: String,
}

impl DirectUploads {
    /// Offers a bucket, unless it cannot sign.
    pub(crate) async fn offer(bucket: ObjectMediaStore, secret: &str) -> Option<Self> {
        let signed = bucket.sign_upload(Mime::IMAGE_PNG, 1, Duration::from_secs(60));
        let origin = match signed.await {
            Ok(signed) => origin(signed.url().url().as_str())?,
            Err(error) => {
                tracing::warn!(%error, "browsers upload through the service: the bucket does not sign");
                return None;
            }
        };
        Some(Self {
            bucket,
            seal: TicketSeal::new(secret)?,
            origin,
        })
    }

    /// Returns the origin of the URLs that browsers upload to, which the policy of the page has to allow.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Signs an upload for a user.
    ///
    /// # Errors
    /// `TooLarge` above what may be uploaded in parts, `InvalidInput` for no bytes and for a type that a browser
    /// may execute; `Unavailable`.
    pub(crate) async fn announce(
        &self,
        user: &User,
        mime_type: Mime,
        size: u64,
    ) -> Result<Announced, StorageError> {
        if size > Uploads::IN_PARTS.max_bytes() {
            return Err(refused(StorageErrorKind::TooLarge));
        }
        if mime_type.is_active() {
            return Err(refused(StorageErrorKind::InvalidInput)
                .with_reason("media that a browser may execute is not taken"));
        }
        let upload = self.bucket.sign_upload(mime_type, size, VALIDITY).await?;
        let expires_at = upload.url().expires_at();
        let ticket = self.seal.seal(&user.0, upload.ticket(), expires_at);
        let ticket = ticket.ok_or_else(|| refused(StorageErrorKind::Other))?;
        Ok(Announced { upload, ticket })
    }

    /// Returns the ticket of a text that this service gave to a user a short time ago.
    pub(crate) fn ticket(&self, user: &User, text: &str) -> Option<UploadTicket> {
        self.seal.open(&user.0, text, Utc::now())
    }

    /// Makes media of what was uploaded by a ticket. An erasure of the user waits for it, or it leaves nothing.
    ///
    /// # Errors
    /// As [`ConversationManager::upload_with`](conversation_sdk::ConversationManager::upload_with).
    pub(crate) async fn adopt(
        &self,
        app: &App,
        user: &User,
        ticket: UploadTicket,
        filename: Option<String>,
    ) -> Result<StorageReference, ConversationError> {
        let bucket = self.bucket.clone();
        let store = move |metadata: MediaMetadata| async move {
            let metadata = match filename {
                Some(name) => metadata.with_filename(name),
                None => metadata,
            };
            let reference = bucket.adopt(&ticket, metadata).await?;
            if let Err(error) = screen(&bucket, &reference).await {
                bucket.delete(&reference).await?;
                return Err(error);
            }
            Ok(reference)
        };
        app.manager().upload_with(user.owner(), store).await
    }
}

/// Refuses images that nothing here would decode.
async fn screen(
    bucket: &ObjectMediaStore,
    reference: &StorageReference,
) -> Result<(), StorageError> {
    let beginning = RetrieveOptions::new().with_range(0..PROBE_LEN as u64);
    let stored = bucket.retrieve_opts(reference, beginning).await?;
    screen_pixels(stored.body, &ImageLimits::new()).await?;
    Ok(())
}

/// Describes media of a user as an upload through the service would.
///
/// # Errors
/// As reading its head.
pub(crate) async fn describe(
    app: &App,
    user: &User,
    reference: StorageReference,
) -> Result<UploadedMedia, StorageError> {
    let scope = Scope::User(user.0.clone());
    let head = RetrieveOptions::new()
        .with_head()
        .with_expected_scope(scope.clone());
    let stored = app.storage().retrieve_opts(&reference, head).await?;
    let options = SignedUrlOptions::new().with_expected_scope(scope);
    let link = app.storage().signer().sign(&reference, options).await?;
    let filename = stored.metadata.filename().map(str::to_owned);
    let item = UploadedMedia::new(reference, stored.mime, stored.size);
    Ok(item.with_filename(filename).with_url(&link))
}

fn refused(kind: StorageErrorKind) -> StorageError {
    StorageError::new(kind, Operation::Store)
}

/// Returns scheme, host and port of a URL.
fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?']).next()?;
    Some(format!("{scheme}://{host}"))
}
