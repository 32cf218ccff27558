//! The ability to sign URLs.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use media_types::{MediaUrl, StorageReference};

use crate::error::StorageError;
use crate::metadata::Scope;

/// A store that can hand out URLs under which anybody gets the bytes for a while.
#[async_trait]
pub trait UrlSigner: Send + Sync {
    /// Signs a URL for one reference. Nothing is written; the URL must not be persisted.
    ///
    /// # Errors
    /// `NotFound`, `InvalidRef`, `InvalidInput` for a validity beyond 7 days, `Permission`,
    /// `Unavailable`.
    async fn signed_url(
        &self,
        reference: &StorageReference,
        options: SignedUrlOptions,
    ) -> Result<SignedUrl, StorageError>;
}

/// Options of [`UrlSigner::signed_url`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUrlOptions {
    validity: Duration,
    expected_scope: Option<Scope>,
}

impl SignedUrlOptions {
    /// Valid for 15 minutes.
    pub fn new() -> Self {
        Self {
            validity: Duration::from_secs(15 * 60),
            expected_scope: None,
        }
    }

    /// How long the URL is to work, at most 7 days. Default: 15 minutes.
    #[must_use]
    pub fn with_validity(mut self, validity: Duration) -> Self {
        self.validity = validity;
        self
    }

    /// The media must belong to this scope, else it is `NotFound`. Default: not checked.
    #[must_use]
    pub fn with_expected_scope(mut self, scope: Scope) -> Self {
        self.expected_scope = Some(scope);
        self
    }

    /// How long the URL is to work.
    pub fn validity(&self) -> Duration {
        self.validity
    }

    /// The scope that the media must belong to.
    pub fn expected_scope(&self) -> Option<&Scope> {
        self.expected_scope.as_ref()
    }
}

impl Default for SignedUrlOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A URL that carries its own permission. `Debug` and `Display` hide it.
#[derive(Clone)]
pub struct SignedUrl {
    url: MediaUrl,
    expires_at: DateTime<Utc>,
}

impl SignedUrl {
    /// A URL and the time when it stops working.
    pub fn new(url: MediaUrl, expires_at: DateTime<Utc>) -> Self {
        Self { url, expires_at }
    }

    /// The URL, signature included: a secret until it expires.
    pub fn url(&self) -> &MediaUrl {
        &self.url
    }

    /// When it stops working.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.expires_at
    }
}

impl fmt::Display for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[signed URL until {}]", self.expires_at.format("%FT%TZ"))
    }
}

impl fmt::Debug for SignedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedUrl({self})")
    }
}
