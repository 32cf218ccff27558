//! [`Encrypted`].

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use media_storage::{
    DeleteOptions, DuplicateOptions, Importer, Inventory, MediaStorage, MediaUpload, MetadataPatch,
    Operation, RetrieveOptions, Scope, StorageError, StorageErrorKind, StoredMedia, UrlSigner,
    Verifier,
};
use media_types::StorageReference;

use crate::failure::key_failure;
use crate::owner::{KeyOwner, KeyScope};
use crate::references::inward;
use crate::scopes::SplitScope;
use crate::shared::Shared;

/// Number of references that [`MediaStorage::delete_many`] checks at a time.
const CHECKS: usize = 16;

/// A store that encrypts what it gives to an inner store, with a data key for each user.
///
/// The inner store has ciphertext only: the bytes, the hash, the file name and the tags of media are secret. MIME
/// type, ids, times, and the size are not. Equal bytes under one key are stored once. Who forgets a
/// user's key makes all of that user's media unreadable, also in backups.
///
/// References have the size of the media, and in place of its hash an HMAC that only the key can make.
///
/// - Bodies are read twice, since the hash must be known before anything is encrypted: streams above 1 MiB go
///   through an encrypted file without a name in the spool directory, also with an
///   [expected hash](MediaUpload::with_expected_sha256).
/// - Reads verify each chunk of 64 KiB before they return it, whatever verification is asked for.
/// - Unwrapped keys are kept for at most 60 s. After [`forget_key`](Self::forget_key), this store has no
///   access at once, other processes and streams that are open have none after that time.
/// - Changing the user of media is `Unsupported` with a key for each user; duplicate and delete it instead.
/// - URLs cannot be signed, since who reads them has no key, and media cannot be imported under its id.
/// - [`verifier`](MediaStorage::verifier) and sweeps are those of the inner store. They need no keys.
///
/// Cloning is cheap, and clones share their keys. Needs a tokio runtime.
pub struct Encrypted<S> {
    pub(crate) shared: Arc<Shared<S>>,
}

impl<S> Clone for Encrypted<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<S: MediaStorage> std::fmt::Debug for Encrypted<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encrypted")
            .field("inner", &self.shared.inner)
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

impl<S: MediaStorage> Encrypted<S> {
    /// Returns the inner store, which has the ciphertext.
    pub fn inner(&self) -> &S {
        &self.shared.inner
    }

    /// Destroys the key of an owner: all media that it encrypts is unreadable from now on, for ever. In
    /// this store and its clones it is unreadable at once, elsewhere after at most 60 s. The ciphertext
    /// stays until it is deleted. Returns whether there was a key.
    ///
    /// # Errors
    /// `Unavailable`, `Permission`, `Config`. The key may or may not be destroyed; try again.
    pub async fn forget_key(&self, owner: impl Into<KeyOwner>) -> Result<bool, StorageError> {
        let forgotten = self.shared.keys.forget(&owner.into()).await;
        forgotten.map_err(|error| {
            let error = key_failure(error, Operation::Delete);
            self.shared.adopt(error)
        })
    }

    /// Checks references, several at a time. The results are in the order of the references.
    async fn check_all(
        &self,
        references: &[StorageReference],
        options: &DeleteOptions,
    ) -> Vec<Result<StorageReference, StorageError>> {
        let checks = references.iter().cloned().map(|reference| {
            let (shared, scope) = (Arc::clone(&self.shared), options.expected_scope().cloned());
            async move {
                let operation = Operation::Delete;
                shared.check(&reference, scope.as_ref(), operation).await?;
                inward(&reference, operation)
            }
        });
        stream::iter(checks.collect::<Vec<_>>())
            .buffered(CHECKS)
            .collect()
            .await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for Encrypted<S> {
    fn backend(&self) -> &str {
        self.shared.inner.backend()
    }

    fn name(&self) -> Option<&str> {
        self.shared.inner.name()
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        self.shared.store(upload).await
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        self.shared.retrieve(reference, options).await
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let scope = options.expected_scope();
        let operation = Operation::Delete;
        let scope = self.shared.check(reference, scope, operation).await?;
        let inner = inward(reference, operation)?;
        let options = delete_options(scope);
        self.shared.inner.delete_opts(&inner, options).await
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        self.shared.duplicate(self, reference, options).await
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let operation = Operation::Update;
        if patch.user().is_some() && self.shared.options.key_scope == KeyScope::User {
            return Err(self
                .shared
                .failure(StorageErrorKind::Unsupported, operation)
                .with_key(reference.id())
                .with_reason("the media is encrypted with the key of its user; duplicate it"));
        }
        let scope = patch.expected_scope();
        let scope = self.shared.check(reference, scope, operation).await?;
        let inner = inward(reference, operation)?;
        let patch = match scope {
            Some(scope) => patch.with_expected_scope(scope),
            None => patch,
        };
        self.shared.inner.update(&inner, patch).await
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let checked = self.check_all(references, &options).await;
        let sound: Vec<_> = checked.iter().flatten().cloned().collect();
        let scope = options.expected_scope().map(SplitScope::new);
        let options = delete_options(scope.map(|scope| scope.inner));
        let deleted = self.shared.inner.delete_many(&sound, options).await;
        let mut deleted = deleted.into_iter();
        let missing = || {
            self.shared
                .failure(StorageErrorKind::Other, Operation::Delete)
                .with_reason("the inner store did not answer for all references")
        };
        checked
            .into_iter()
            .map(|checked| checked.and_then(|_| deleted.next().unwrap_or_else(|| Err(missing()))))
            .collect()
    }

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        None
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        let inner = self.shared.inner.inventory();
        inner.map(|_| self as &dyn Inventory)
    }

    fn verifier(&self) -> Option<&dyn Verifier> {
        self.shared.inner.verifier()
    }

    fn importer(&self) -> Option<&dyn Importer> {
        None
    }
}

pub(crate) fn delete_options(expected_scope: Option<Scope>) -> DeleteOptions {
    match expected_scope {
        Some(scope) => DeleteOptions::new().with_expected_scope(scope),
        None => DeleteOptions::new(),
    }
}
