//! The interface of signers.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use media_storage::{SignedUrl, StorageError};
use object_store::path::Path;

/// Signs URLs of single objects.
#[async_trait]
pub(crate) trait ObjectSigner: fmt::Debug + Send + Sync {
    /// Returns a URL by which anyone can read the object for a limited time.
    async fn sign(
        &self,
        object: &Path,
        request: &SigningRequest,
    ) -> Result<SignedUrl, StorageError>;

    /// Returns a URL by which anyone can write the object, with the headers that the request needs.
    async fn sign_put(
        &self,
        object: &Path,
        request: &PutRequest,
    ) -> Result<SignedPut, StorageError>;
}

/// What a signed URL for writing permits.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "without a service there is no signer")
)]
pub(crate) struct PutRequest {
    /// The current time.
    pub(crate) now: DateTime<Utc>,
    /// How long the URL is valid.
    pub(crate) validity: Duration,
    /// `Content-Type` of the request.
    pub(crate) content_type: String,
    /// Size of the body, in bytes.
    pub(crate) size: u64,
}

impl PutRequest {
    /// Returns the request for the validity of the URL.
    #[cfg(any(feature = "aws", feature = "azure", feature = "gcp"))]
    pub(super) fn timing(&self) -> SigningRequest {
        SigningRequest {
            now: self.now,
            validity: self.validity,
            not_after: None,
            content_type: String::new(),
            content_disposition: String::new(),
        }
    }
}

/// A URL for writing, and the headers that the request must have.
pub(crate) struct SignedPut {
    pub(crate) url: SignedUrl,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// Validity of a signed URL, and headers of its response.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "without a service there is no signer")
)]
pub(crate) struct SigningRequest {
    /// The current time.
    pub(crate) now: DateTime<Utc>,
    /// How long the URL is valid.
    pub(crate) validity: Duration,
    /// The time at which the media expires, which the URL must not outlive.
    pub(crate) not_after: Option<DateTime<Utc>>,
    /// `Content-Type` of the response.
    pub(crate) content_type: String,
    /// `Content-Disposition` of the response.
    pub(crate) content_disposition: String,
}
