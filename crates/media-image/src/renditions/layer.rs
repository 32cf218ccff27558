//! [`Renditions`].

use std::sync::Arc;

use async_trait::async_trait;
use media_storage::{
    DeleteOptions, DuplicateOptions, Inventory, MediaMetadata, MediaStorage, MetadataPatch,
    Operation, RetrieveOptions, Scope, StorageError, StorageErrorKind, StoredMedia, UrlSigner,
};
use media_types::{MediaContent, StorageReference};

use super::child::parent_of;
use super::error::RenditionError;
use super::flights::Flights;
use super::make::Maker;
use super::orphans;
use super::slots::{listed, slots};
use crate::profile::Profile;
use crate::workers::ImageWorkers;

/// A store that keeps renditions of its images: thumbnails, and images that are small enough for a model.
///
/// A rendition is media like any other, with the metadata of its original, so that both share user,
/// conversation, tags and expiry, and go together when a scope is deleted. Its tags
/// [`PARENT_TAG`](super::PARENT_TAG) and [`RENDITION_TAG`](super::RENDITION_TAG) show in listings what it
/// is. Through this layer
///
/// - a rendition is made once, however many ask for it at the same time in this process; of several
///   processes that make the same, the first one stores it;
/// - deleting an original deletes it first, then its renditions, and a rendition whose original is gone is
///   not found, and no URL is signed for it;
/// - changing the metadata of an original deletes its renditions, which are made again;
/// - renditions cannot be duplicated.
///
/// Use the layer wherever originals are deleted. What is deleted beside it leaves renditions that end with
/// their scope or expiry, by a full sweep through the layer, or by [`remove_orphans`](Self::remove_orphans).
///
/// The renditions of an original have ids that follow from its id, in stores that can import media. Other
/// stores are asked to list what belongs to the original's conversation; without an inventory, renditions
/// are made each time and returned inline.
///
/// Cheap to clone if the store is.
#[derive(Clone, Debug)]
pub struct Renditions<S> {
    inner: S,
    workers: ImageWorkers,
    flights: Arc<Flights>,
    sweeps_orphans: bool,
}

impl<S: MediaStorage> Renditions<S> {
    /// Wraps a store.
    pub fn new(inner: S, workers: ImageWorkers) -> Self {
        Self {
            inner,
            workers,
            flights: Arc::default(),
            sweeps_orphans: true,
        }
    }

    /// Sets whether full sweeps remove renditions whose original is gone. They then read the metadata of
    /// everything in the store. Defaults to true.
    #[must_use]
    pub fn with_orphan_sweeps(mut self, swept: bool) -> Self {
        self.sweeps_orphans = swept;
        self
    }

    pub(super) fn sweeps_orphans(&self) -> bool {
        self.sweeps_orphans
    }

    /// Returns the wrapped store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Returns the pool of threads.
    pub fn workers(&self) -> &ImageWorkers {
        &self.workers
    }

    /// Returns the rendition of a stored image by a profile, with its width and height.
    ///
    /// It is the original itself if that fits and has no metadata, and inline if it could not be stored,
    /// for example because the original has [`MAX_RENDITIONS`](super::MAX_RENDITIONS) others.
    ///
    /// Dropping the future stores nothing, or a whole rendition.
    ///
    /// # Errors
    /// `Storage` as [`MediaStorage::retrieve_opts`] of the original, which is read within the expected
    /// scope; `Image` as [`ImageWorkers::fit`].
    pub async fn rendition(
        &self,
        original: &StorageReference,
        profile: &Profile,
        expected_scope: Option<&Scope>,
    ) -> Result<MediaContent, RenditionError> {
        let maker = Maker {
            store: &self.inner,
            workers: &self.workers,
            flights: &self.flights,
        };
        maker.rendition(original, profile, expected_scope).await
    }

    /// Deletes the renditions of a scope whose original is gone, and returns how many. Reads the metadata of
    /// everything in the scope.
    ///
    /// # Errors
    /// `Unsupported` if the store has no inventory; otherwise as [`Inventory::list`] and
    /// [`MediaStorage::delete_opts`].
    pub async fn remove_orphans(&self, scope: Scope) -> Result<u64, StorageError> {
        orphans::remove(&self.inner, scope).await
    }

    /// Fails with `NotFound` for a rendition whose original is gone.
    pub(super) async fn check_parent(
        &self,
        reference: &StorageReference,
        metadata: &MediaMetadata,
        operation: Operation,
    ) -> Result<(), StorageError> {
        let Some(parent) = parent_of(metadata) else {
            return Ok(());
        };
        if orphans::has_parent(&self.inner, reference, parent).await? {
            return Ok(());
        }
        let error = StorageError::new(StorageErrorKind::NotFound, operation);
        let error = error.with_backend(self.inner.backend().to_owned());
        Err(error.with_key(reference.id()))
    }

    /// Returns the references under which renditions of an original are or may be. Of a store without slots,
    /// they must be listed while the original still says to whom it belongs.
    async fn children(
        &self,
        original: &StorageReference,
    ) -> Result<Vec<StorageReference>, StorageError> {
        let owner = self.listed_by(original).await;
        self.children_of(original, owner.as_ref()).await
    }

    async fn children_of(
        &self,
        original: &StorageReference,
        owner: Option<&MediaMetadata>,
    ) -> Result<Vec<StorageReference>, StorageError> {
        let Some(owner) = owner else {
            return Ok(slots(&self.inner, original.id()));
        };
        let children = listed(&self.inner, original.id(), owner).await?;
        Ok(children.into_iter().map(|child| child.reference).collect())
    }

    /// Returns the metadata by which renditions of an original are listed, in a store without slots.
    async fn listed_by(&self, original: &StorageReference) -> Option<MediaMetadata> {
        self.inner.inventory()?;
        if !slots(&self.inner, original.id()).is_empty() {
            return None;
        }
        let head = RetrieveOptions::new().with_head();
        // Whatever is wrong with the original is told when it is deleted.
        let stored = self.inner.retrieve_opts(original, head).await.ok()?;
        Some(stored.metadata)
    }

    async fn delete_children(&self, children: Vec<StorageReference>) -> Result<(), StorageError> {
        let results = self
            .inner
            .delete_many(&children, DeleteOptions::new())
            .await;
        results.into_iter().collect()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: MediaStorage> MediaStorage for Renditions<S> {
    media_storage::forward_storage!(
        self => self.inner;
        backend, name, store, verifier, importer,
    );

    fn url_signer(&self) -> Option<&dyn UrlSigner> {
        self.inner.url_signer()?;
        Some(self)
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        self.inner.inventory()?;
        Some(self)
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let stored = self.inner.retrieve_opts(reference, options).await?;
        self.check_parent(reference, &stored.metadata, Operation::Retrieve)
            .await?;
        Ok(stored)
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let children = self.children(reference).await?;
        self.inner.delete_opts(reference, options).await?;
        self.delete_children(children).await
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let mut head = RetrieveOptions::new().with_head();
        if let Some(scope) = options.expected_scope() {
            head = head.with_expected_scope(scope.clone());
        }
        let stored = self.inner.retrieve_opts(reference, head).await?;
        if parent_of(&stored.metadata).is_some() {
            let error = StorageError::new(StorageErrorKind::InvalidInput, Operation::Duplicate);
            let error = error
                .with_backend(self.backend().to_owned())
                .with_key(reference.id());
            return Err(
                error.with_reason("a rendition cannot be duplicated; duplicate its original")
            );
        }
        self.inner.duplicate(reference, options).await
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let owner = self.listed_by(reference).await;
        let children = self.children_of(reference, owner.as_ref()).await?;
        self.inner.update(reference, patch).await?;
        self.delete_children(children).await?;
        // One that was stored between the listing and the change still belongs to the owner of before.
        if owner.is_some() {
            let late = self.children_of(reference, owner.as_ref()).await?;
            self.delete_children(late).await?;
        }
        Ok(())
    }

    async fn delete_many(
        &self,
        references: &[StorageReference],
        options: DeleteOptions,
    ) -> Vec<Result<(), StorageError>> {
        let mut children = Vec::with_capacity(references.len());
        for reference in references {
            children.push(self.children(reference).await);
        }
        let deleted = self.inner.delete_many(references, options).await;
        let mut due = Vec::new();
        let mut owners = Vec::new();
        let mut results = Vec::with_capacity(deleted.len());
        for (index, (deleted, children)) in deleted.into_iter().zip(children).enumerate() {
            results.push(match (deleted, children) {
                (Ok(()), Ok(children)) => {
                    owners.extend(children.iter().map(|_| index));
                    due.extend(children);
                    Ok(())
                }
                (Err(error), _) | (Ok(()), Err(error)) => Err(error),
            });
        }
        let gone = self.inner.delete_many(&due, DeleteOptions::new()).await;
        for (owner, gone) in owners.into_iter().zip(gone) {
            if let (Err(error), Some(result)) = (gone, results.get_mut(owner)) {
                *result = Err(error);
            }
        }
        results
    }
}
