//! The handle of a loader, and what all loads share.

use std::sync::Arc;
use std::time::Duration;

use media_storage::MediaStorage;
use media_types::StorageReference;

use crate::cache::Cache;
use crate::error::{LoadError, LoadErrorKind};
use crate::file::FileAccess;
use crate::mime::MimePolicy;
use crate::options::LoadOptions;
use crate::registry::Registry;

/// Loads the bytes of media content from wherever they are.
///
/// Cheap to clone; clones share stores and cache. See the [crate documentation](crate) for an example.
#[derive(Clone, Debug)]
pub struct MediaLoader {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: LoadOptions,
    /// Stores of this handle and its clones.
    pub(crate) more: Registry,
    /// Whether this handle and its clones refuse all URLs, regardless of the policy.
    pub(crate) no_urls: bool,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) files: FileAccess,
    pub(crate) mime: MimePolicy,
    pub(crate) max_bytes: u64,
    pub(crate) http_timeout: Duration,
    #[cfg(feature = "http")]
    pub(crate) fetcher: crate::fetch::Fetcher,
    pub(crate) cache: Option<Cache>,
}

impl MediaLoader {
    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
            options: LoadOptions::new(),
            more: Registry::default(),
            no_urls: false,
        }
    }

    /// Returns a handle of the same loader that loads with these options.
    ///
    /// ```
    /// # use media_loader::{LoadOptions, MediaLoader};
    /// # use media_storage::Scope;
    /// # fn run(loader: &MediaLoader) -> Result<(), media_types::ValueError> {
    /// let scope = Scope::User("user-1".parse()?);
    /// let of_user = loader.with_options(LoadOptions::new().with_expected_scope(scope));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_options(&self, options: LoadOptions) -> Self {
        Self {
            options,
            ..self.clone()
        }
    }

    /// Returns the options of this handle.
    pub fn options(&self) -> &LoadOptions {
        &self.options
    }

    /// Returns a handle of the same loader that fetches no URL, regardless of its policy: for content
    /// from an untrusted source. Everything else is shared.
    #[must_use]
    pub fn without_urls(&self) -> Self {
        Self {
            no_urls: true,
            ..self.clone()
        }
    }

    /// Returns a handle of the same loader with another store. Everything else is shared.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use media_loader::MediaLoader;
    /// # use media_storage::InMemoryStorage;
    /// # fn run(loader: &MediaLoader) {
    /// let with_drafts = loader.with_storage(Arc::new(InMemoryStorage::new()));
    /// # }
    /// ```
    #[must_use]
    pub fn with_storage(&self, storage: Arc<dyn MediaStorage>) -> Self {
        let mut loader = self.clone();
        loader.more.add(storage);
        loader
    }

    /// Returns the store of a reference.
    pub(crate) fn store_of(
        &self,
        reference: &StorageReference,
    ) -> Result<&Arc<dyn MediaStorage>, LoadError> {
        let more = self.more.find(reference);
        more.or_else(|_| self.shared.registry.find(reference))
    }

    /// Returns the largest size of media in bytes that this handle loads.
    pub fn max_bytes(&self) -> u64 {
        let asked = self.options.max_bytes().unwrap_or(u64::MAX);
        self.shared.max_bytes.min(asked)
    }

    /// Returns the time limit for fetching one URL.
    pub fn http_timeout(&self) -> Duration {
        self.shared.http_timeout
    }

    pub(crate) fn check_size(&self, size: u64) -> Result<(), LoadError> {
        let limit = self.max_bytes();
        if size > limit {
            return Err(LoadError::new(LoadErrorKind::TooLarge {
                limit,
                size: Some(size),
            }));
        }
        Ok(())
    }
}
