//! The builder of an [`Encrypted`] store.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use media_storage::MediaStorage;

use crate::key_cache::{KeyCache, MAX_LIFETIME};
use crate::owner::KeyScope;
use crate::provider::KeyProvider;
use crate::shared::{Options, Shared};
use crate::store::Encrypted;

/// Builder of an [`Encrypted`] store.
#[derive(Debug)]
#[must_use]
pub struct EncryptedBuilder<S> {
    inner: S,
    provider: Arc<dyn KeyProvider>,
    lifetime: Duration,
    options: Options,
}

impl<S: MediaStorage> Encrypted<S> {
    /// Wraps a store, with a key for each user.
    pub fn new(inner: S, keys: impl KeyProvider) -> Self {
        Self::builder(inner, keys).build()
    }

    /// Creates a builder from the store for the ciphertext and what keeps the keys.
    pub fn builder(inner: S, keys: impl KeyProvider) -> EncryptedBuilder<S> {
        EncryptedBuilder {
            inner,
            provider: Arc::new(keys),
            lifetime: MAX_LIFETIME,
            options: Options {
                key_scope: KeyScope::User,
                shared_key: false,
                max_media_size: u64::MAX,
                spool_directory: None,
            },
        }
    }
}

impl<S: MediaStorage> EncryptedBuilder<S> {
    /// Sets which id decides about the key of new media. Media that is stored keeps its key. Defaults to
    /// [`KeyScope::User`].
    pub fn with_key_scope(mut self, scope: KeyScope) -> Self {
        self.options.key_scope = scope;
        self
    }

    /// Sets that media without the id that decides is encrypted with one key that it shares. Defaults to
    /// refusing it with `InvalidInput`.
    pub fn with_shared_key(mut self) -> Self {
        self.options.shared_key = true;
        self
    }

    /// Sets the largest size of a media item in bytes. A limit of the inner store counts ciphertext.
    /// Defaults to no limit.
    pub fn with_max_media_size(mut self, bytes: u64) -> Self {
        self.options.max_media_size = bytes;
        self
    }

    /// Sets the directory for the encrypted spool files of streams above 1 MiB. Defaults to the
    /// directory for temporary files.
    pub fn with_spool_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.options.spool_directory = Some(directory.into());
        self
    }

    /// Sets how long an unwrapped key is kept, at most 60 s. Defaults to 60 s.
    pub fn with_key_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime.min(MAX_LIFETIME);
        self
    }

    /// Builds the store.
    pub fn build(self) -> Encrypted<S> {
        Encrypted {
            shared: Arc::new(Shared {
                inner: self.inner,
                keys: Arc::new(KeyCache::new(self.provider, self.lifetime)),
                options: self.options,
            }),
        }
    }
}
