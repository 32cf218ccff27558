//! Uploads from the browser straight to the bucket, where the media is in one.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use conversation_sdk::ConversationError;
use media_http::{UploadedMedia, safe_filename};
use media_storage::{MediaMetadata, Operation, Scope, StorageError, StorageErrorKind};
use media_store_object::{ObjectMediaStore, SignedUpload, UploadTicket};
use media_types::readable::causes;
use media_types::{Mime, StorageReference};

use crate::adoption::{self, AnnouncedMedia};
use crate::announcements::{AnnouncementLimit, Reservation};
use crate::app::App;
use crate::tickets::TicketSeal;
use crate::uploads;
use crate::user::User;

/// How long an upload may begin after it was announced.
const URL_VALIDITY: Duration = Duration::from_secs(900);

/// How long an upload may be adopted after it was announced. One that began in time may take hours; the inbox keeps
/// it for a day.
const TICKET_VALIDITY: TimeDelta = TimeDelta::hours(12);

/// A bucket that browsers upload to by themselves.
#[derive(Clone)]
pub(crate) struct DirectUploads {
    bucket: ObjectMediaStore,
    seal: TicketSeal,
    limit: AnnouncementLimit,
    inbox: String,
}

/// What a browser is to send, and where.
pub(crate) struct UploadAnnouncement {
    pub(crate) upload: SignedUpload,
    pub(crate) ticket: String,
}

impl DirectUploads {
    /// Offers a bucket, unless it cannot sign.
    pub(crate) async fn offer(bucket: ObjectMediaStore, secret: &str) -> Option<Self> {
        let signed = bucket.sign_upload(Mime::IMAGE_PNG, 1, Duration::from_secs(60));
        let inbox = match signed.await {
            Ok(signed) => inbox(signed.url().url().as_str()),
            Err(error) => {
                let reason = match error.kind() {
                    StorageErrorKind::Unsupported => "the bucket does not sign URLs",
                    StorageErrorKind::Permission => "the credential may not sign URLs",
                    _ => "signing a URL failed",
                };
                tracing::warn!(error = %causes(&error), "browsers upload through the service: {reason}");
                return None;
            }
        };
        Some(Self {
            bucket,
            seal: TicketSeal::new(secret)?,
            limit: AnnouncementLimit::default(),
            inbox: inbox?,
        })
    }

    /// Returns what begins the URLs that browsers upload to, which the policy of the page has to allow. Ends with `/`.
    pub(crate) fn inbox(&self) -> &str {
        &self.inbox
    }

    /// Counts an announcement of a user.
    ///
    /// # Errors
    /// The time to wait, for a user who has announced too many uploads.
    pub(crate) fn count(&self, user: &User) -> Result<(), Duration> {
        self.limit.count(&user.0, Instant::now())
    }

    /// Counts bytes beside what the user has: an upload goes past the limit of the store.
    async fn reserve(
        &self,
        app: &App,
        user: &User,
        size: u64,
    ) -> Result<Reservation, StorageError> {
        let needs_usage = self.limit.needs_usage(&user.0, Instant::now());
        if needs_usage.map_err(|_| refused(StorageErrorKind::Unavailable))? {
            let bytes = app.bytes_of(&user.0).await?;
            self.limit.learn_usage(&user.0, bytes);
        }
        let reserved = self.limit.reserve(&user.0, size, app.user_quota());
        reserved.ok_or_else(|| refused(StorageErrorKind::QuotaExceeded))
    }

    /// Signs an upload for a user, and reserves its bytes.
    ///
    /// # Errors
    /// `TooLarge` above what may be uploaded in parts, `InvalidInput` for no bytes and for a type that may not be
    /// uploaded; `QuotaExceeded`; `Unavailable`; otherwise as
    /// [`Inventory::usage`](media_storage::Inventory::usage).
    pub(crate) async fn announce(
        &self,
        app: &App,
        user: &User,
        mime_type: Mime,
        size: u64,
    ) -> Result<UploadAnnouncement, StorageError> {
        let grant = uploads::grant(user, uploads::MAX_IN_PARTS);
        if size > grant.max_bytes() {
            return Err(refused(StorageErrorKind::TooLarge));
        }
        if !grant.permits(&mime_type) {
            return Err(refused(StorageErrorKind::InvalidInput)
                .with_reason("media of this type is not taken"));
        }
        let reserved = self.reserve(app, user, size).await?;
        let announced = self.sign(user, mime_type, size).await;
        match &announced {
            Ok(announced) => {
                let ticket = announced.upload.ticket().clone();
                self.limit.hold(&user.0, ticket, reserved);
            }
            Err(_) => self.limit.release(&user.0, reserved),
        }
        announced
    }

    async fn sign(
        &self,
        user: &User,
        mime_type: Mime,
        size: u64,
    ) -> Result<UploadAnnouncement, StorageError> {
        let upload = self.bucket.sign_upload(mime_type, size, URL_VALIDITY);
        let upload = upload.await?;
        let expires_at = Utc::now() + TICKET_VALIDITY;
        let ticket = self.seal.seal(&user.0, upload.ticket(), expires_at);
        let ticket = ticket.ok_or_else(|| refused(StorageErrorKind::Other))?;
        Ok(UploadAnnouncement { upload, ticket })
    }

    /// Returns the ticket of a text that this service gave to a user in the last hours.
    pub(crate) fn ticket(&self, user: &User, text: &str) -> Option<UploadTicket> {
        self.seal.open(&user.0, text, Utc::now())
    }

    /// Makes media of what was uploaded by a ticket. An erasure of the user waits for it, or it leaves nothing.
    ///
    /// # Errors
    /// As [`ConversationManager::upload_with`](conversation_sdk::ConversationManager::upload_with). What the store said
    /// is below: `QuotaExceeded` for a ticket whose bytes are not reserved any more, where the user has no room.
    pub(crate) async fn adopt(
        &self,
        app: &App,
        user: &User,
        ticket: UploadTicket,
        filename: Option<String>,
    ) -> Result<UploadedMedia, ConversationError> {
        let announced = AnnouncedMedia {
            mime_type: ticket.mime_type().clone(),
            size: ticket.size(),
            filename: filename.as_deref().and_then(safe_filename),
        };
        let (direct, app_of_user, owner) = (self.clone(), app.clone(), user.clone());
        let filename = announced.filename.clone();
        let store = move |metadata: MediaMetadata| async move {
            let metadata = match filename {
                Some(name) => metadata.with_filename(name),
                None => metadata,
            };
            direct.store(&app_of_user, &owner, &ticket, metadata).await
        };
        let stored = app.manager().upload_with(user.owner(), store).await?;
        let scope = Scope::User(user.0.clone());
        let signer = app.storage().signer();
        Ok(adoption::describe(app.storage(), signer, &scope, stored, announced).await)
    }

    /// Stores what was uploaded by a ticket, if there is room for it. Tickets outlive the period in which their bytes are
    /// reserved, and one that was adopted may be sent and adopted again.
    async fn store(
        &self,
        app: &App,
        user: &User,
        ticket: &UploadTicket,
        metadata: MediaMetadata,
    ) -> Result<StorageReference, StorageError> {
        let held = self.limit.take(&user.0, ticket, Instant::now());
        let reserved = match held {
            Some(reserved) => reserved,
            None => self.reserve(app, user, ticket.size()).await?,
        };
        let stored = self.take_in(user, ticket, metadata).await;
        match (&stored, held) {
            (Ok(_), _) => {}
            (Err(_), Some(_)) => self.limit.hold(&user.0, ticket.clone(), reserved),
            (Err(_), None) => self.limit.release(&user.0, reserved),
        }
        stored
    }

    async fn take_in(
        &self,
        user: &User,
        ticket: &UploadTicket,
        metadata: MediaMetadata,
    ) -> Result<StorageReference, StorageError> {
        let reference = self.bucket.adopt(ticket, metadata).await?;
        let grant = uploads::grant(user, uploads::MAX_IN_PARTS);
        adoption::screen(&self.bucket, &grant, &reference).await?;
        Ok(reference)
    }
}

fn refused(kind: StorageErrorKind) -> StorageError {
    StorageError::new(kind, Operation::Store)
}

/// Returns the URL of the directory that a signed URL is in, as a source of a content security policy.
fn inbox(url: &str) -> Option<String> {
    let path = url.split(['?', '#']).next()?;
    let (directory, _) = path.rsplit_once('/')?;
    // A source without a path would be all of the host.
    let (_, rest) = directory.split_once("://")?;
    let source = format!("{directory}/").replace(';', "%3B");
    (rest.contains('/') && !source.contains(char::is_whitespace))
        .then(|| source.replace(',', "%2C"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_the_directory_of_the_inbox() {
        for (url, expected) in [
            (
                "https://media.s3.amazonaws.com/chat/.store/v2/inbox/0f?X-Amz-Signature=a/b",
                Some("https://media.s3.amazonaws.com/chat/.store/v2/inbox/"),
            ),
            (
                "http://127.0.0.1:9000/media/a;b,c/inbox/0f#d",
                Some("http://127.0.0.1:9000/media/a%3Bb%2Cc/inbox/"),
            ),
            ("https://media.s3.amazonaws.com/0f", None),
            ("https://media.s3.amazonaws.com", None),
            ("nothing", None),
        ] {
            assert_eq!(inbox(url).as_deref(), expected, "{url}");
        }
    }
}
