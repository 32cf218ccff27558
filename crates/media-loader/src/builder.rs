//! How a loader is set up.

use std::sync::Arc;
use std::time::Duration;

use media_storage::MediaStorage;

use crate::cache::Cache;
#[cfg(feature = "http")]
use crate::fetch::{Fetcher, UrlPolicy};
use crate::file::FileAccess;
use crate::loader::{MediaLoader, Shared};
use crate::mime::MimePolicy;
use crate::registry::Registry;

/// Largest media that a loader takes unless told otherwise: 50 MiB.
const DEFAULT_MAX_BYTES: u64 = 50 * 1024 * 1024;
const DEFAULT_HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// Makes a [`MediaLoader`]. The order of calls does not matter.
#[derive(Debug)]
#[must_use]
pub struct MediaLoaderBuilder {
    registry: Registry,
    files: FileAccess,
    mime: MimePolicy,
    max_bytes: u64,
    http_timeout: Duration,
    #[cfg(feature = "http")]
    urls: UrlPolicy,
    cache: u64,
}

impl MediaLoaderBuilder {
    pub(crate) fn new() -> Self {
        Self {
            registry: Registry::default(),
            files: FileAccess::Deny,
            mime: MimePolicy::default(),
            max_bytes: DEFAULT_MAX_BYTES,
            http_timeout: DEFAULT_HTTP_TIMEOUT,
            #[cfg(feature = "http")]
            urls: UrlPolicy::default(),
            cache: 0,
        }
    }

    /// Adds a store. With several, a reference's backend and store name choose; of two with the
    /// same backend and name, the later one replaces the earlier. Default: none.
    pub fn with_storage(mut self, storage: Arc<dyn MediaStorage>) -> Self {
        self.registry.add(storage);
        self
    }

    /// Which files may be read. Default: [`FileAccess::Deny`].
    pub fn with_file_access(mut self, access: FileAccess) -> Self {
        self.files = access;
        self
    }

    /// What happens when the bytes are not of the declared type. Default: [`MimePolicy::Correct`].
    pub fn with_mime_policy(mut self, policy: MimePolicy) -> Self {
        self.mime = policy;
        self
    }

    /// Largest media in bytes, from any source. Default: 50 MiB.
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Which URLs may be fetched. Default: [`UrlPolicy::public`].
    #[cfg(feature = "http")]
    pub fn with_url_policy(mut self, policy: UrlPolicy) -> Self {
        self.urls = policy;
        self
    }

    /// How long fetching one URL may take in all, redirects and the reading of the body included.
    /// Default: 30 seconds.
    pub fn with_http_timeout(mut self, timeout: Duration) -> Self {
        self.http_timeout = timeout;
        self
    }

    /// Keeps up to so many bytes of stored media in memory, the most recently used. Tasks that ask
    /// for the same media at once read it once. The store is still asked whether the media is
    /// there and may be read; only its bytes are not read again. Media at URLs is not kept: what a
    /// URL gives next is not known before it is fetched. Default: 0, no cache.
    pub fn with_cache(mut self, bytes: u64) -> Self {
        self.cache = bytes;
        self
    }

    /// Makes the loader; no I/O.
    pub fn build(self) -> MediaLoader {
        MediaLoader::new(Shared {
            registry: self.registry,
            files: self.files,
            mime: self.mime,
            max_bytes: self.max_bytes,
            http_timeout: self.http_timeout,
            #[cfg(feature = "http")]
            fetcher: Fetcher::new(self.urls, self.http_timeout),
            cache: (self.cache > 0).then(|| Cache::new(self.cache)),
        })
    }
}
