//! The in-memory store, which is also the reference implementation.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{SubsecRound, Utc};
use futures_core::stream::{BoxStream, Stream};
use media_types::StorageReference;

use crate::backend::{Digest, attribute_store_error, check_expected_sha256};
use crate::body::MediaBody;
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::hash::Sha256Hasher;
use crate::inventory::{Entry, Inventory, SweepOptions, SweepReport, Usage};
use crate::layout::MediaToken;
use crate::options::{
    DeleteOptions, DuplicateOptions, MetadataPatch, RetrieveOptions, Verification,
};
use crate::retention::RetentionPolicy;
use crate::scope::Scope;
use crate::sidecar::Sidecar;
use crate::storage::{MediaStorage, MediaUpload, StoredMedia, UploadParts};
use crate::verifier::{Verifier, VerifyOptions, VerifyReport};
use crate::verify_inventory::verify_inventory;

const BACKEND: &str = "memory";

/// A store in memory: for tests, and as an example for authors of backends.
///
/// Clones share their content. Equal bytes are stored once.
#[derive(Clone, Debug)]
pub struct InMemoryStorage {
    shared: Arc<Mutex<BTreeMap<String, Held>>>,
    max_media_size: u64,
    default_retention: RetentionPolicy,
}

#[derive(Clone, Debug)]
struct Held {
    sidecar: Sidecar,
    bytes: Bytes,
}

impl InMemoryStorage {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self {
            shared: Arc::default(),
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

    /// Sets the retention of media that is stored without one. Defaults to [`RetentionPolicy::Retain`].
    #[must_use]
    pub fn with_default_retention(mut self, retention: RetentionPolicy) -> Self {
        self.default_retention = retention;
        self
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        // No code panics while it holds the lock, and the map is whole between any two calls.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for InMemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

fn fail(kind: StorageErrorKind, operation: Operation) -> StorageError {
    StorageError::new(kind, operation).with_backend(BACKEND)
}

fn check_reference(reference: &StorageReference, operation: Operation) -> Result<(), StorageError> {
    let ours = reference.backend() == BACKEND && reference.store_name().is_none();
    if !ours || MediaToken::parse(reference.id()).is_none() {
        return Err(fail(StorageErrorKind::InvalidRef, operation).with_key(reference.id()));
    }
    Ok(())
}

fn find<'a>(
    held: &'a BTreeMap<String, Held>,
    reference: &StorageReference,
    operation: Operation,
) -> Result<&'a Held, StorageError> {
    held.get(reference.id())
        .ok_or_else(|| fail(StorageErrorKind::NotFound, operation).with_key(reference.id()))
}

fn stored_bytes<'a>(held: impl Iterator<Item = &'a Held>) -> u64 {
    let mut seen = HashSet::new();
    held.filter(|item| seen.insert(item.sidecar.sha256))
        .map(|item| item.sidecar.size_bytes)
        .sum()
}

#[async_trait]
impl MediaStorage for InMemoryStorage {
    fn backend(&self) -> &str {
        BACKEND
    }

    async fn store(&self, upload: MediaUpload) -> Result<StorageReference, StorageError> {
        let UploadParts {
            mime,
            body,
            metadata,
            expected_sha256: expected,
        } = upload.into_parts();
        let bytes = body
            .bytes(self.max_media_size)
            .await
            .map_err(|error| attribute_store_error(error, BACKEND))?;
        let digest = Digest::of_bytes(&bytes);
        check_expected_sha256(expected, digest)
            .map_err(|error| attribute_store_error(error, BACKEND))?;
        let sha256 = digest.sha256;
        let sidecar = Sidecar::new(
            MediaToken::mint()?.as_str(),
            mime,
            bytes.len() as u64,
            sha256,
            metadata,
            self.default_retention,
            Utc::now().trunc_subsecs(3),
        );
        sidecar.to_json()?;
        let reference = sidecar.reference(BACKEND, None)?;
        let mut held = self.held();
        let shared = held.values().find(|item| item.sidecar.sha256 == sha256);
        let bytes = shared.map_or(bytes, |item| item.bytes.clone());
        held.insert(sidecar.id.clone(), Held { sidecar, bytes });
        Ok(reference)
    }

    async fn retrieve_opts(
        &self,
        reference: &StorageReference,
        options: RetrieveOptions,
    ) -> Result<StoredMedia, StorageError> {
        check_reference(reference, Operation::Retrieve)?;
        let Held { sidecar, bytes } = find(&self.held(), reference, Operation::Retrieve)?.clone();
        sidecar
            .admit(
                reference,
                options.expected_scope(),
                Utc::now(),
                Operation::Retrieve,
            )
            .map_err(|error| error.with_backend(BACKEND))?;
        let body = match options.range() {
            _ if options.head() => Bytes::new(),
            Some(range) => {
                let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
                bytes.slice(at(range.start)..at(range.end).max(at(range.start)))
            }
            None => {
                let verified = options.verification() == Some(Verification::SizeOnly)
                    || Sha256Hasher::digest(&bytes) == sidecar.sha256;
                if !verified {
                    return Err(fail(StorageErrorKind::Corrupted, Operation::Retrieve)
                        .with_key(reference.id()));
                }
                bytes
            }
        };
        Ok(StoredMedia::new(
            sidecar.mime_type.clone(),
            sidecar.size_bytes,
            MediaBody::from_bytes(body),
        )
        .with_metadata(sidecar.metadata())
        .with_sha256(sidecar.sha256)
        .with_stored_at(sidecar.stored_at)
        .with_expires_at(sidecar.expires_at)
        .with_hold(sidecar.hold))
    }

    async fn delete_opts(
        &self,
        reference: &StorageReference,
        options: DeleteOptions,
    ) -> Result<(), StorageError> {
        check_reference(reference, Operation::Delete)?;
        let mut held = self.held();
        let scope = options.expected_scope();
        match held.get(reference.id()) {
            Some(item) => {
                item.sidecar
                    .admit_deletion(reference, scope)
                    .map_err(|error| error.with_backend(BACKEND))?;
                held.remove(reference.id());
                Ok(())
            }
            None if scope.is_some() => {
                Err(fail(StorageErrorKind::NotFound, Operation::Delete).with_key(reference.id()))
            }
            None => Ok(()),
        }
    }

    async fn duplicate(
        &self,
        reference: &StorageReference,
        options: DuplicateOptions,
    ) -> Result<StorageReference, StorageError> {
        let operation = Operation::Duplicate;
        check_reference(reference, operation)?;
        let now = Utc::now();
        let mut held = self.held();
        let source = find(&held, reference, operation)?;
        source
            .sidecar
            .admit(reference, options.expected_scope(), now, operation)
            .map_err(|error| error.with_backend(BACKEND))?;
        let Held { sidecar, bytes } = source.clone();
        let metadata = options.metadata().clone();
        let copy = Sidecar::new(
            MediaToken::mint()?.as_str(),
            sidecar.mime_type.clone(),
            sidecar.size_bytes,
            sidecar.sha256,
            metadata.for_copy_of(&sidecar.metadata(), sidecar.expires_at),
            self.default_retention,
            now.trunc_subsecs(3),
        )
        .with_hold(sidecar.hold);
        copy.to_json()?;
        let reference = copy.reference(BACKEND, None)?;
        let id = copy.id.clone();
        held.insert(
            id,
            Held {
                sidecar: copy,
                bytes,
            },
        );
        Ok(reference)
    }

    async fn update(
        &self,
        reference: &StorageReference,
        patch: MetadataPatch,
    ) -> Result<(), StorageError> {
        let operation = Operation::Update;
        check_reference(reference, operation)?;
        let mut held = self.held();
        let sidecar = &find(&held, reference, operation)?.sidecar;
        sidecar
            .admit_update(reference, patch.expected_scope())
            .map_err(|error| error.with_backend(BACKEND))?;
        let patched = sidecar.clone().patched(&patch);
        patched.to_json()?;
        if let Some(item) = held.get_mut(reference.id()) {
            item.sidecar = patched;
        }
        Ok(())
    }

    fn inventory(&self) -> Option<&dyn Inventory> {
        Some(self)
    }

    fn verifier(&self) -> Option<&dyn Verifier> {
        Some(self)
    }
}

#[async_trait]
impl Verifier for InMemoryStorage {
    async fn verify(&self, options: VerifyOptions) -> Result<VerifyReport, StorageError> {
        verify_inventory(self, self, options).await
    }
}

#[async_trait]
impl Inventory for InMemoryStorage {
    fn list(&self, scope: Scope) -> BoxStream<'static, Result<Entry, StorageError>> {
        let entries: Vec<_> = self
            .held()
            .values()
            .filter(|item| item.sidecar.is_in(&scope))
            .map(|item| item.sidecar.entry(BACKEND, None))
            .collect();
        Box::pin(Entries(entries.into_iter()))
    }

    async fn usage(&self, scope: Scope) -> Result<Usage, StorageError> {
        let held = self.held();
        let chosen = || held.values().filter(|item| item.sidecar.is_in(&scope));
        let hashes: HashSet<_> = chosen().map(|item| item.sidecar.sha256).collect();
        Ok(Usage {
            references: chosen().count() as u64,
            blobs: hashes.len() as u64,
            logical_bytes: chosen().map(|item| item.sidecar.size_bytes).sum(),
            stored_bytes: stored_bytes(chosen()),
            ..Usage::default()
        })
    }

    async fn delete_scope(&self, scope: Scope) -> Result<SweepReport, StorageError> {
        let mut held = self.held();
        let (count, bytes) = (held.len(), stored_bytes(held.values()));
        let kept = held
            .values()
            .filter(|item| item.sidecar.hold && item.sidecar.is_in(&scope))
            .count() as u64;
        held.retain(|_, item| item.sidecar.hold || !item.sidecar.is_in(&scope));
        let deleted = (count - held.len()) as u64;
        let freed_bytes = bytes - stored_bytes(held.values());
        Ok(SweepReport {
            deleted,
            freed_bytes,
            held: kept,
            ..SweepReport::default()
        })
    }

    async fn sweep(&self, options: SweepOptions) -> Result<SweepReport, StorageError> {
        let now = options.now().unwrap_or_else(Utc::now);
        let most = options.max_deletes().unwrap_or(u64::MAX);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let mut held = self.held();
        let mut kept: Vec<&Held> = held.values().collect();
        // Media on hold is not pruned, so it comes last.
        kept.sort_by_key(|item| (item.sidecar.hold, item.sidecar.stored_at));
        let mut expired = 0;
        kept.retain(|item| {
            let goes = expired < most && item.sidecar.is_expired(now) && !item.sidecar.hold;
            expired += usize::from(goes);
            !goes
        });
        let mut pruned = 0;
        if let Some(capacity) = options.capacity() {
            while expired + pruned < most
                && kept.get(pruned).is_some_and(|item| !item.sidecar.hold)
                && stored_bytes(kept[pruned..].iter().copied()) > capacity
            {
                pruned += 1;
            }
        }
        let kept = &kept[pruned..];
        let report = SweepReport {
            expired: expired as u64,
            pruned: pruned as u64,
            freed_bytes: stored_bytes(held.values()) - stored_bytes(kept.iter().copied()),
            future: kept
                .iter()
                .filter(|item| item.sidecar.stored_at > now)
                .count() as u64,
            ..SweepReport::default()
        };
        if !options.dry_run() {
            let ids: HashSet<String> = kept.iter().map(|item| item.sidecar.id.clone()).collect();
            held.retain(|id, _| ids.contains(id));
        }
        Ok(report)
    }
}

struct Entries(std::vec::IntoIter<Result<Entry, StorageError>>);

impl Stream for Entries {
    type Item = Result<Entry, StorageError>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}
