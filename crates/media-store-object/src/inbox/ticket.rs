//! What a service and its client know of an upload.

use std::fmt;

use media_storage::{Operation, SignedUrl, StorageError, StorageErrorKind};
use media_types::Mime;
use serde::{Deserialize, Serialize};

/// Random bytes of a name.
const RANDOM_LEN: usize = 16;

/// Names an upload, and says what it must be like.
///
/// Keep it where the client cannot change it, beside the user that it was issued for:
/// [`ObjectMediaStore::adopt`](crate::ObjectMediaStore::adopt) takes whatever was uploaded by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadTicket {
    name: String,
    mime_type: Mime,
    size: u64,
}

impl UploadTicket {
    /// Creates a ticket with a name that nobody can guess.
    pub(super) fn random(mime_type: Mime, size: u64) -> Result<Self, StorageError> {
        let mut bytes = [0; RANDOM_LEN];
        getrandom::fill(&mut bytes).map_err(|error| {
            StorageError::new(StorageErrorKind::Unavailable, Operation::Sign)
                .with_reason("the operating system provides no random bytes")
                .with_source(error)
        })?;
        Ok(Self {
            name: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            mime_type,
            size,
        })
    }

    /// Returns the name, unless it is not one that was issued.
    pub(super) fn name(&self) -> Option<&str> {
        let digits = self
            .name
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (digits && self.name.len() == 2 * RANDOM_LEN).then_some(&self.name)
    }

    /// Returns the type that was announced.
    pub fn mime_type(&self) -> &Mime {
        &self.mime_type
    }

    /// Returns the size that was announced, in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// A URL to which a client sends one upload, by `PUT`.
#[derive(Clone)]
pub struct SignedUpload {
    ticket: UploadTicket,
    url: SignedUrl,
    headers: Vec<(&'static str, String)>,
}

impl SignedUpload {
    pub(super) fn new(
        ticket: UploadTicket,
        url: SignedUrl,
        headers: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            ticket,
            url,
            headers,
        }
    }

    /// Returns the ticket by which the upload is adopted.
    pub fn ticket(&self) -> &UploadTicket {
        &self.ticket
    }

    /// Returns the URL, and when it expires.
    pub fn url(&self) -> &SignedUrl {
        &self.url
    }

    /// Returns the headers that the request must have. Browsers set `content-length` themselves.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }
}

impl fmt::Debug for SignedUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedUpload")
            .field("ticket", &self.ticket)
            .field("expires_at", &self.url.expires_at())
            .finish_non_exhaustive()
    }
}
