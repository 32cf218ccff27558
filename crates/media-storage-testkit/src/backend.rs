//! What a backend brings to the conformance suite.

use std::error::Error;

use async_trait::async_trait;
use bytes::Bytes;
use media_storage::{MediaStorage, RetentionPolicy, StorageError};

/// One place where a store keeps media, empty when it is made.
///
/// Scenarios open handles on it: several at once, and again after all were dropped, as after a
/// restart.
pub trait Backend: Send + Sync + 'static {
    /// The store under test.
    type Store: MediaStorage + Clone;

    /// Opens a handle on this place.
    ///
    /// # Errors
    /// Whatever opening the store reports; the scenario fails with it.
    fn open(
        &self,
        options: StoreOptions,
    ) -> impl Future<Output = Result<Self::Store, StorageError>> + Send;

    /// A client that fetches signed URLs. A store with a
    /// [`url_signer`](MediaStorage::url_signer) must bring one. Default: none.
    fn http_client(&self) -> Option<&dyn HttpClient> {
        None
    }

    /// Whether the server behind signed URLs looks at their expiry; some emulators do not.
    /// Default: it does.
    fn enforces_url_expiry(&self) -> bool {
        true
    }
}

/// How a scenario wants the store to be set up; everything else is the backend's choice.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    max_media_size: u64,
    default_retention: RetentionPolicy,
}

impl StoreOptions {
    /// No size limit, media is retained.
    pub fn new() -> Self {
        Self {
            max_media_size: u64::MAX,
            default_retention: RetentionPolicy::Retain,
        }
    }

    /// Largest media that the store takes, in bytes. Default: no limit.
    #[must_use]
    pub fn with_max_media_size(mut self, bytes: u64) -> Self {
        self.max_media_size = bytes;
        self
    }

    /// Retention of media that is stored without one. Default: [`RetentionPolicy::Retain`].
    #[must_use]
    pub fn with_default_retention(mut self, retention: RetentionPolicy) -> Self {
        self.default_retention = retention;
        self
    }

    /// Largest media that the store takes, in bytes.
    pub fn max_media_size(&self) -> u64 {
        self.max_media_size
    }

    /// Retention of media that is stored without one.
    pub fn default_retention(&self) -> RetentionPolicy {
        self.default_retention
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A plain HTTP client, so that this crate names none.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Gets a URL, without any header beyond what HTTP needs.
    ///
    /// # Errors
    /// When no answer came; an answer of any status is no error.
    async fn get(&self, url: &str) -> Result<HttpResponse, Box<dyn Error + Send + Sync>>;
}

/// The answer to a plain GET.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The header `Content-Type`, if there is one.
    pub content_type: Option<String>,
    /// The whole body.
    pub body: Bytes,
}
