//! Loading media from a store, with and without the cache.

use std::sync::Arc;

use media_storage::{MediaBody, MediaStorage, RetrieveOptions, StoredMedia, Verification};
use media_types::{Mime, StorageReference};

use crate::body;
use crate::cache::Cache;
use crate::error::LoadError;
use crate::failure::{body_error_of_stored, stored_error};
use crate::handle::MediaLoader;
use crate::media::LoadedMedia;

impl MediaLoader {
    pub(crate) async fn open_stored(
        &self,
        declared: &Mime,
        reference: &StorageReference,
    ) -> Result<LoadedMedia, LoadError> {
        let store = self.store_of(reference)?;
        let failed = |error| stored_error(reference, error);
        let mut options = RetrieveOptions::new();
        if let Some(scope) = self.options.expected_scope() {
            options = options.with_expected_scope(scope.clone());
        }
        let stored = match &self.shared.cache {
            Some(cache) => self.open_cached(cache, store, reference, options).await?,
            None => store
                .retrieve_opts(reference, options)
                .await
                .map_err(failed)?,
        };
        let name = |error: LoadError| error.with_what(reference.id());
        self.check_size(stored.size).map_err(name)?;
        let limit = self.max_bytes();
        let body = body::limited(stored.body, limit);
        let body = body.map_err(|error| body_error_of_stored(reference, error, limit))?;
        let (head, body) = body::peek(body)
            .await
            .map_err(|error| body_error_of_stored(reference, error, limit))?;
        let policy = self.shared.mime;
        let declared = policy.resolve(declared, stored.mime).map_err(name)?;
        Ok(LoadedMedia {
            mime: policy.resolve_bytes(&declared, &head).map_err(name)?,
            size: Some(stored.size),
            sha256: stored.sha256,
            body,
        })
    }

    /// Asks the store whether the media may be read, and reads the bytes from the cache.
    async fn open_cached(
        &self,
        cache: &Cache,
        store: &Arc<dyn MediaStorage>,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, LoadError> {
        let failed = |error| stored_error(reference, error);
        let head = options.clone().with_head();
        let head = store.retrieve_opts(reference, head).await.map_err(failed)?;
        let size = head.size;
        let Some(sha256) = head
            .sha256
            .filter(|_| cache.takes(size) && size <= self.max_bytes())
        else {
            return store
                .retrieve_opts(reference, options)
                .await
                .map_err(failed);
        };
        // Cached bytes must have the hash that they are cached under, whatever the store verifies.
        let load = || async {
            let options = options.with_verification(Verification::HashAndSize);
            let stored = store.retrieve_opts(reference, options).await;
            let stored = stored.map_err(failed)?;
            stored.body.bytes(size).await.map_err(failed)
        };
        let bytes = cache.get_or_load(sha256, size, load).await?;
        let mut stored = head;
        stored.body = MediaBody::from_bytes(bytes);
        Ok(stored)
    }
}
