//! A store whose signed URLs are links.

use async_trait::async_trait;
use media_storage::{MediaStorage, UrlSigner};

use super::keys::LinkKeys;
use super::signer::LinkSigner;
use crate::error::LinkError;

/// A store whose signed URLs are links of this crate. Everything else is done by the wrapped store.
///
/// Use it where a conversation manager or a view asks a store on a disk for URLs.
#[derive(Clone, Debug)]
pub struct LinkedStorage<S> {
    inner: S,
    signer: LinkSigner,
}

impl<S: MediaStorage + Clone> LinkedStorage<S> {
    /// Creates a store from a store, keys, and the URL under which the service is mounted.
    ///
    /// # Errors
    /// As [`LinkSigner::new`].
    pub fn new(inner: S, keys: LinkKeys, base: impl AsRef<str>) -> Result<Self, LinkError> {
        let signer = LinkSigner::new(inner.clone(), keys, base)?;
        Ok(Self { inner, signer })
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Returns the signer.
    pub fn signer(&self) -> &LinkSigner {
        &self.signer
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for LinkedStorage<S> {
    media_storage::forward_storage!(
        self => self.inner;
        backend, name, store, retrieve_opts, delete_opts, duplicate, update, delete_many,
        inventory, verifier, importer,
    );

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        Some(&self.signer)
    }
}
