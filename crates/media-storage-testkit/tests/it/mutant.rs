//! The in-memory store with one defect.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use futures_util::{StreamExt as _, stream::BoxStream};
use media_storage::{
    DeleteOptions, Entry, InMemoryStorage, Inventory, MediaMetadata, MediaStorage,
    MediaStorageExt as _, MediaUpload, Operation, RetentionPolicy, RetrieveOptions, Scope,
    Sha256Hasher, StorageError, StorageErrorKind, StoredMedia, SweepOptions, SweepReport,
    UploadParts, Usage,
};
use media_storage_testkit::{Backend, StoreOptions};
use media_types::{Mime, StorageReference};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    None,
    OneReferencePerContent,
    DeleteTakesTheTwins,
    DeleteTwiceFails,
    DeleteDoesNothing,
    TakesForeignReferences,
    IgnoresAlteredHashes,
    IgnoresScopes,
    ScopesTellOfOthers,
    LimitIsOneTooHigh,
    KeepsBrokenStreams,
    IgnoresExpectedHashes,
    IgnoresRanges,
    HeadsBringBodies,
    FirstTypeWins,
    LowerCaseIds,
    ForgetsRetention,
    SweepsEarly,
    DryRunsRemove,
    PrunesEverything,
    ListForgetsOne,
    ForgetsAtRestart,
    HidesItsInventory,
}

/// One place with a defect.
pub(crate) struct Place {
    defect: Defect,
    store: InMemoryStorage,
    types: Arc<Mutex<Option<Mime>>>,
}

impl Place {
    pub(crate) fn new(defect: Defect) -> Self {
        Self {
            defect,
            store: InMemoryStorage::new(),
            types: Arc::default(),
        }
    }
}

impl Backend for Place {
    type Store = Mutant;

    async fn open(&self, options: StoreOptions) -> Result<Mutant, StorageError> {
        let store = match self.defect {
            Defect::ForgetsAtRestart => InMemoryStorage::new(),
            _ => self.store.clone(),
        };
        let one_more = u64::from(self.defect == Defect::LimitIsOneTooHigh);
        let limit = options.max_media_size().saturating_add(one_more);
        Ok(Mutant {
            defect: self.defect,
            first_type: Arc::clone(&self.types),
            inner: store
                .with_max_media_size(limit)
                .with_default_retention(options.default_retention()),
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    defect: Defect,
    inner: InMemoryStorage,
    first_type: Arc<Mutex<Option<Mime>>>,
}

impl Mutant {
    async fn entries(&self) -> Vec<Entry> {
        let entries = self.inner.list(Scope::All);
        entries.map(|entry| entry.unwrap()).collect().await
    }

    /// The reference as the inner store would accept it.
    fn forged(&self, reference: &StorageReference) -> StorageReference {
        let own = StorageReference::builder("memory", reference.id());
        match self.defect {
            Defect::IgnoresAlteredHashes if reference.backend() == "memory" => own.build().unwrap(),
            Defect::TakesForeignReferences => own.build().unwrap(),
            _ => reference.clone(),
        }
    }
}

fn lower(metadata: MediaMetadata) -> MediaMetadata {
    match metadata.conversation().cloned() {
        Some(id) => metadata.with_conversation(id.as_str().to_lowercase().parse().unwrap()),
        None => metadata,
    }
}

#[async_trait]
impl MediaStorage for Mutant {
    fn backend(&self) -> &str {
        self.inner.backend()
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let UploadParts {
            mut mime,
            body,
            mut metadata,
            expected_sha256: mut expected,
            ..
        } = upload.into_parts();
        match self.defect {
            Defect::IgnoresExpectedHashes => expected = None,
            Defect::ForgetsRetention => metadata = metadata.with_retention(RetentionPolicy::Retain),
            Defect::LowerCaseIds => metadata = lower(metadata),
            Defect::FirstTypeWins => {
                let mut first = self.first_type.lock().unwrap();
                mime = first.get_or_insert(mime).clone();
            }
            Defect::OneReferencePerContent => {
                let bytes = body.bytes(u64::MAX).await?;
                let hash = Some(Sha256Hasher::digest(&bytes));
                let entries = self.entries().await;
                let there = entries
                    .iter()
                    .find(|entry| entry.reference.sha256() == hash);
                if let Some(entry) = there {
                    return Ok(entry.reference.clone());
                }
                return self.inner.store_bytes(mime, bytes, metadata).await;
            }
            Defect::KeepsBrokenStreams => {
                let whole = body.into_stream();
                let kept = whole.take_while(|piece| std::future::ready(piece.is_ok()));
                let body = media_storage::MediaBody::from_stream(None, kept);
                let upload = MediaUpload::new(mime, body, metadata);
                return self.inner.store(upload).await;
            }
            _ => {}
        }
        let mut upload = MediaUpload::new(mime, body, metadata);
        if let Some(sha256) = expected {
            upload = upload.with_expected_sha256(sha256);
        }
        self.inner.store(upload).await
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        let mut changed = RetrieveOptions::new();
        if let Some(scope) = options.expected_scope()
            && self.defect != Defect::IgnoresScopes
        {
            changed = changed.with_expected_scope(scope.clone());
        }
        if options.head() && self.defect != Defect::HeadsBringBodies {
            changed = changed.with_head();
        }
        if let Some(range) = options.range()
            && self.defect != Defect::IgnoresRanges
        {
            changed = changed.with_range(range);
        }
        let reference = self.forged(reference);
        let result = self.inner.retrieve_opts(&reference, changed).await;
        if self.defect == Defect::ScopesTellOfOthers && options.expected_scope().is_some() {
            return result.map_err(|error| error.with_reason("not yours"));
        }
        result
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        let reference = &self.forged(reference);
        let delete = |reference: StorageReference, options: DeleteOptions| async move {
            self.inner.delete_opts(&reference, options).await
        };
        match self.defect {
            Defect::DeleteDoesNothing => Ok(()),
            Defect::IgnoresScopes => delete(reference.clone(), DeleteOptions::new()).await,
            Defect::DeleteTwiceFails => {
                let entries = self.entries().await;
                if entries.iter().all(|e| e.reference.id() != reference.id()) {
                    let kind = StorageErrorKind::NotFound;
                    return Err(StorageError::new(kind, Operation::Delete));
                }
                delete(reference.clone(), options).await
            }
            Defect::DeleteTakesTheTwins => {
                for entry in self.entries().await {
                    if entry.reference.sha256() == reference.sha256() {
                        delete(entry.reference, DeleteOptions::new()).await?;
                    }
                }
                Ok(())
            }
            _ => delete(reference.clone(), options).await,
        }
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        (self.defect != Defect::HidesItsInventory).then_some(self as _)
    }
}

#[async_trait]
impl Inventory for Mutant {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        let skip = usize::from(self.defect == Defect::ListForgetsOne);
        self.inner.list(scope).skip(skip).boxed()
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        self.inner.usage(scope).await
    }

    async fn quarantined(&self, scope: Scope) -> Result<u64, StorageError> {
        self.inner.quarantined(scope).await
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        self.inner.delete_scope(scope).await
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        let mut changed = options;
        match (self.defect, options.now(), options.capacity()) {
            (Defect::SweepsEarly, Some(now), _) => {
                changed = changed.with_now(now + TimeDelta::milliseconds(1));
            }
            (Defect::PrunesEverything, _, Some(_)) => changed = changed.with_capacity(0),
            (Defect::DryRunsRemove, _, _) if options.dry_run() => {
                let report = self.inner.sweep(options).await?;
                let mut earnest = SweepOptions::new().with_depth(options.depth());
                if let Some(now) = options.now() {
                    earnest = earnest.with_now(now);
                }
                self.inner.sweep(earnest).await?;
                return Ok(report);
            }
            _ => {}
        }
        self.inner.sweep(changed).await
    }
}
