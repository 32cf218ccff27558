//! What a backend provides to the conformance suite.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use media_storage::{MediaStorage, RetentionPolicy, StorageError};
use media_types::StorageReference;

/// A place in which a store keeps media, empty at first.
///
/// Scenarios open stores in it: several at once, and again after all were dropped, like after a restart.
pub trait Backend: Send + Sync + 'static {
    /// The store under test.
    type Store: MediaStorage + Clone;

    /// Opens a store in this place.
    ///
    /// # Errors
    /// What opening the store reports. The scenario fails with it.
    fn open(
        &self,
        options: StoreOptions,
    ) -> impl Future<Output = Result<Self::Store, StorageError>> + Send;

    /// Returns a client for signed URLs, which a store with a
    /// [`url_signer`](MediaStorage::url_signer) requires. Defaults to none.
    fn http_client(&self) -> Option<&dyn HttpClient> {
        None
    }

    /// Whether the server behind signed URLs enforces their expiry, which some emulators do not.
    /// Defaults to `true`.
    fn enforces_url_expiry(&self) -> bool {
        true
    }

    /// Whether references carry the SHA-256 of the media. A store that keeps hashes secret says no.
    /// Defaults to `true`.
    fn references_have_hashes(&self) -> bool {
        true
    }

    /// Returns the number of bytes that media of a size takes in the store, which is more in one that
    /// encrypts. Defaults to the size itself.
    fn stored_size(&self, size: u64) -> u64 {
        size
    }

    /// Whether requests take so long that scenarios repeat themselves less often than they would. Each
    /// of them still runs. Defaults to `false`.
    fn is_slow(&self) -> bool {
        false
    }

    /// Whether a deletion leaves bytes that no reference holds to the next full sweep, so that usage counts
    /// them until then. Defaults to `false`.
    fn needs_sweep(&self) -> bool {
        false
    }

    /// Makes the sidecar of stored media unreadable, behind the back of the store. Returns whether it
    /// did. By default it cannot, and the scenario for damaged sidecars is not run.
    fn damage_sidecar(&self, reference: &StorageReference) -> impl Future<Output = bool> + Send {
        let _ = reference;
        async { false }
    }
}

/// A backend without the type of its store, which is what scenarios take: they are compiled once, not
/// for each backend. Every [`Backend`] is one.
#[async_trait]
pub trait AnyBackend: Send + Sync {
    /// Opens a store in this place, as [`Backend::open`] does.
    ///
    /// # Errors
    /// What opening the store reports.
    async fn open(&self, options: StoreOptions) -> Result<Arc<dyn MediaStorage>, StorageError>;

    /// Returns the client of [`Backend::http_client`].
    fn http_client(&self) -> Option<&dyn HttpClient>;

    /// Returns what [`Backend::enforces_url_expiry`] does.
    fn enforces_url_expiry(&self) -> bool;

    /// Returns what [`Backend::references_have_hashes`] does.
    fn references_have_hashes(&self) -> bool;

    /// Returns what [`Backend::stored_size`] does.
    fn stored_size(&self, size: u64) -> u64;

    /// Returns what [`Backend::is_slow`] does.
    fn is_slow(&self) -> bool;

    /// Returns what [`Backend::needs_sweep`] does.
    fn needs_sweep(&self) -> bool;

    /// Does what [`Backend::damage_sidecar`] does.
    async fn damage_sidecar(&self, reference: &StorageReference) -> bool;
}

#[async_trait]
impl<B: Backend> AnyBackend for B {
    async fn open(&self, options: StoreOptions) -> Result<Arc<dyn MediaStorage>, StorageError> {
        Ok(Arc::new(Backend::open(self, options).await?))
    }

    fn http_client(&self) -> Option<&dyn HttpClient> {
        Backend::http_client(self)
    }

    fn enforces_url_expiry(&self) -> bool {
        Backend::enforces_url_expiry(self)
    }

    fn references_have_hashes(&self) -> bool {
        Backend::references_have_hashes(self)
    }

    fn stored_size(&self, size: u64) -> u64 {
        Backend::stored_size(self, size)
    }

    fn is_slow(&self) -> bool {
        Backend::is_slow(self)
    }

    fn needs_sweep(&self) -> bool {
        Backend::needs_sweep(self)
    }

    async fn damage_sidecar(&self, reference: &StorageReference) -> bool {
        Backend::damage_sidecar(self, reference).await
    }
}

/// Options of a scenario for a store. Everything else is up to the backend.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    max_media_size: u64,
    default_retention: RetentionPolicy,
}

impl StoreOptions {
    /// Creates options without a size limit, with which media is retained.
    pub fn new() -> Self {
        Self {
            max_media_size: u64::MAX,
            default_retention: RetentionPolicy::Retain,
        }
    }

    /// Sets the largest size of a media item in bytes. Defaults to no limit.
    #[must_use]
    pub fn with_max_media_size(mut self, bytes: u64) -> Self {
        self.max_media_size = bytes;
        self
    }

    /// Sets the retention of media that is stored without one. Defaults to
    /// [`RetentionPolicy::Retain`].
    #[must_use]
    pub fn with_default_retention(mut self, retention: RetentionPolicy) -> Self {
        self.default_retention = retention;
        self
    }

    /// Returns the largest size of a media item in bytes.
    pub fn max_media_size(&self) -> u64 {
        self.max_media_size
    }

    /// Returns the retention of media that is stored without one.
    pub fn default_retention(&self) -> RetentionPolicy {
        self.default_retention
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A plain HTTP client, so that this crate does not depend on one.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Gets a URL, without any header beyond what HTTP requires.
    ///
    /// # Errors
    /// If there was no response. A response of any status is not an error.
    async fn get(&self, url: &str) -> Result<HttpResponse, Box<dyn Error + Send + Sync>>;
}

/// The response to a GET request.
#[derive(Clone, Debug)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The header `Content-Type`, if there is one.
    pub content_type: Option<String>,
    /// The whole body.
    pub body: Bytes,
}
