//! The capability to sign URLs.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use media_types::{MediaUrl, StorageReference};

use crate::error::StorageError;
use crate::scope::Scope;

/// A store that can create URLs through which others can read media for a limited time.
#[async_trait]
pub trait UrlSigner: Send + Sync {
    /// Signs a URL for a reference. Nothing is written. The URL must not be persisted.
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
    /// Creates options for a URL that is valid for 15 minutes.
    pub fn new() -> Self {
        Self {
            validity: Duration::from_secs(15 * 60),
            expected_scope: None,
        }
    }

    /// Sets how long the URL is valid, at most 7 days. Defaults to 15 minutes.
    #[must_use]
    pub fn with_validity(mut self, validity: Duration) -> Self {
        self.validity = validity;
        self
    }

    /// Sets the scope that the media must belong to; otherwise the result is `NotFound`. Defaults to no check.
    #[must_use]
    pub fn with_expected_scope(mut self, scope: Scope) -> Self {
        self.expected_scope = Some(scope);
        self
    }

    /// Returns how long the URL is valid.
    pub fn validity(&self) -> Duration {
        self.validity
    }

    /// Returns the scope that the media must belong to.
    pub fn expected_scope(&self) -> Option<&Scope> {
        self.expected_scope.as_ref()
    }
}

impl Default for SignedUrlOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A URL that contains its own permission. `Debug` and `Display` do not show it.
#[derive(Clone)]
pub struct SignedUrl {
    url: MediaUrl,
    expires_at: DateTime<Utc>,
}

impl SignedUrl {
    /// Creates a signed URL from the URL and the time when it expires.
    pub fn new(url: MediaUrl, expires_at: DateTime<Utc>) -> Self {
        Self { url, expires_at }
    }

    /// Returns the URL with its signature, which is a secret until it expires.
    pub fn url(&self) -> &MediaUrl {
        &self.url
    }

    /// Returns when the URL expires.
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
