//! Uploads by clients, straight to the bucket.

use std::time::Duration;

use media_storage::{MediaMetadata, Operation, StorageError};
use media_types::{Mime, StorageReference};

use super::handle::ObjectMediaStore;
use crate::inbox::{self, SignedUpload, UploadTicket};

impl ObjectMediaStore {
    /// Signs a URL by which a client uploads media of a type and a size in bytes, straight to the bucket.
    /// The validity is at most 12 hours, and at least half of it is left.
    ///
    /// The upload is no media yet: it lies in an inbox, where nobody can read it by this crate, until
    /// [`adopt`](Self::adopt) makes it media. What is not adopted is removed by the first sweep after a
    /// day, of any depth, also if its user was erased since. S3 and GCS refuse bodies of another size or type. Azure signs
    /// neither, so there an upload of any size can reach the inbox, and `adopt` refuses it.
    ///
    /// The URL creates an upload, and replaces none: the client must send all
    /// [headers](SignedUpload::headers). After the upload was adopted it can be used again until it expires.
    /// An upload that begins before may end long after.
    ///
    /// Uploads go past every layer around this store: they are not encrypted, counted or made smaller.
    ///
    /// The bucket needs a CORS rule for pages that upload.
    ///
    /// # Errors
    /// `Unsupported` if the store cannot sign URLs; `TooLarge` above the largest media size of the store;
    /// `InvalidInput` for no bytes and for another validity; `Permission` if the store was opened for reading
    /// only.
    pub async fn sign_upload(
        &self,
        mime_type: Mime,
        size: u64,
        validity: Duration,
    ) -> Result<SignedUpload, StorageError> {
        self.shared().check_writable(Operation::Sign)?;
        inbox::issue(self.shared(), mime_type, size, validity).await
    }

    /// Makes media of what a client uploaded by a ticket: streams it from the inbox, checks size and type,
    /// stores it under a new key, to which no signature exists, and removes it from the inbox. The URL cannot
    /// change the media any more; what is sent to it later is removed as any other leftover, unless the
    /// ticket is adopted again. Whoever wants media once forgets the ticket before calling this: two calls
    /// at the same time may both store media.
    ///
    /// The media is of the type that its bytes show, if that is the announced one, or of the same kind and
    /// not [active](Mime::is_active). It is stored in this store itself: layers around it, such as those that
    /// encrypt, limit or optimize, see nothing of it.
    ///
    /// If the future is dropped, the upload stays, and can be adopted again; the media may have been stored,
    /// so give it a retention.
    ///
    /// # Errors
    /// `NotFound` if nothing was uploaded, or it was adopted already; `InvalidInput` if size or type are not
    /// those of the ticket, after which the upload is removed; otherwise as
    /// [`store`](media_storage::MediaStorage::store).
    pub async fn adopt(
        &self,
        ticket: &UploadTicket,
        metadata: MediaMetadata,
    ) -> Result<StorageReference, StorageError> {
        self.shared().check_writable(Operation::Store)?;
        let adopted = inbox::adopt(self.shared(), ticket, metadata).await;
        adopted.map_err(|error| self.shared().bucket(Operation::Store).adopt(error))
    }
}
