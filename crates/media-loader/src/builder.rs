//! The builder of a loader.

use std::sync::Arc;
use std::time::Duration;

use media_storage::MediaStorage;

use crate::cache::Cache;
#[cfg(feature = "http")]
use crate::fetch::{Fetcher, UrlPolicy};
use crate::file::FileAccess;
use crate::handle::{MediaLoader, Shared};
use crate::mime::MimePolicy;
use crate::registry::Registry;

/// Largest size of media by default: 50 MiB.
const DEFAULT_MAX_BYTES: u64 = 50 * 1024 * 1024;
const DEFAULT_HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// Builder of a [`MediaLoader`]. The order of calls does not matter.
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

impl MediaLoader {
    /// Creates a builder of a loader that reads only inline content, up to 50 MiB.
    pub fn builder() -> MediaLoaderBuilder {
        MediaLoaderBuilder::new()
    }
}

impl MediaLoaderBuilder {
    fn new() -> Self {
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

    /// Adds a store. Backend and store name of a reference decide which store it is loaded from. Of
    /// two stores with the same backend and name, the later one replaces the earlier one. Defaults to
    /// no store.
    pub fn with_storage(mut self, storage: Arc<dyn MediaStorage>) -> Self {
        self.registry.add(storage);
        self
    }

    /// Sets which files may be read. Defaults to [`FileAccess::Deny`].
    pub fn with_file_access(mut self, access: FileAccess) -> Self {
        self.files = access;
        self
    }

    /// Sets what happens if the bytes do not have the declared type. Defaults to
    /// [`MimePolicy::Correct`].
    pub fn with_mime_policy(mut self, policy: MimePolicy) -> Self {
        self.mime = policy;
        self
    }

    /// Sets the largest size of media in bytes, from any source. Defaults to 50 MiB.
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets which URLs may be fetched. Defaults to [`UrlPolicy::public`].
    #[cfg(feature = "http")]
    pub fn with_url_policy(mut self, policy: UrlPolicy) -> Self {
        self.urls = policy;
        self
    }

    /// Sets the time limit for fetching one URL, including redirects and reading the body. Defaults to
    /// 30 seconds.
    pub fn with_http_timeout(mut self, timeout: Duration) -> Self {
        self.http_timeout = timeout;
        self
    }

    /// Sets the size in bytes of a cache for stored media, in memory. It keeps the most recently used
    /// media, and concurrent loads of the same media read it once. The store is still asked whether
    /// the media exists and may be read. Media at URLs is not cached, since a URL may return
    /// something else the next time. Defaults to 0, no cache.
    pub fn with_cache(mut self, bytes: u64) -> Self {
        self.cache = bytes;
        self
    }

    /// Builds the loader. Does no I/O.
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
