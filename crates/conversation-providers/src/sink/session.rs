//! What the sinks of one turn share.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use media_loader::MediaLoader;
use media_storage::MediaMetadata;
use media_types::{Mime, StorageReference};
use uuid::Uuid;

use super::byte_budget::ByteBudget;
use super::registry::{BACKEND, Entry, SpoolRegistry};
use super::spool::Spool;
use super::spool_writer::{SpoolLocation, SpoolWriter};

/// By default, media of fewer bytes becomes inline content.
const DEFAULT_THRESHOLD: u64 = 100 * 1024;
/// The default limit of bytes that a turn receives.
const DEFAULT_MAX_BYTES: u64 = 1 << 30;

/// Options for receiving the media of a turn.
#[derive(Clone, Debug)]
pub struct SpoolOptions {
    pub(super) metadata: MediaMetadata,
    pub(super) threshold: u64,
    max_bytes: u64,
    location: SpoolLocation,
    pub(super) loader: Option<MediaLoader>,
}

impl SpoolOptions {
    /// Creates options for media of an owner: its conversation, session, run and user.
    pub fn new(metadata: MediaMetadata) -> Self {
        Self {
            metadata,
            threshold: DEFAULT_THRESHOLD,
            max_bytes: DEFAULT_MAX_BYTES,
            location: SpoolLocation::Directory(None),
            loader: None,
        }
    }

    /// Sets the size in bytes from which media is referred to; smaller media becomes inline
    /// content. Defaults to 100 KiB.
    #[must_use]
    pub fn with_threshold(mut self, bytes: u64) -> Self {
        self.threshold = bytes;
        self
    }

    /// Sets the number of bytes that the turn may receive. Defaults to 1 GiB.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets the directory of temporary files. Defaults to the system's.
    #[must_use]
    pub fn with_directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.location = SpoolLocation::Directory(Some(directory.as_ref().into()));
        self
    }

    /// Keeps all media in memory, whatever its size.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.location = SpoolLocation::Memory;
        self
    }

    /// Sets the loader that fetches media which arrives as a URL. Defaults to none: it stays a URL.
    #[must_use]
    pub fn with_loader(mut self, loader: MediaLoader) -> Self {
        self.loader = Some(loader);
        self
    }
}

/// The received media of one turn.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) options: SpoolOptions,
    budget: Arc<ByteBudget>,
    registry: SpoolRegistry,
    /// The ids of what is held; `None` once the turn has ended.
    ids: Mutex<Option<Vec<String>>>,
}

impl Session {
    pub(super) fn new(registry: &SpoolRegistry, options: SpoolOptions) -> Self {
        Self {
            budget: ByteBudget::new(options.max_bytes),
            options,
            registry: registry.clone(),
            ids: Mutex::new(Some(Vec::new())),
        }
    }

    fn ids(&self) -> MutexGuard<'_, Option<Vec<String>>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn writer(&self) -> SpoolWriter {
        SpoolWriter::new(self.options.location.clone(), &self.budget)
    }

    /// Holds media until the turn ends; returns `None` when it has ended.
    pub(super) fn hold(&self, mime: &Mime, spool: Spool) -> Option<StorageReference> {
        let mut ids = self.ids();
        let ids = ids.as_mut()?;
        let id = Uuid::new_v4().to_string();
        let reference = StorageReference::builder(BACKEND, &id)
            .with_size(spool.len())
            .with_sha256(spool.sha256())
            .build()
            .ok()?;
        let entry = Entry {
            mime: mime.clone(),
            metadata: self.options.metadata.clone(),
            spool,
        };
        self.registry.insert(id.clone(), entry);
        ids.push(id);
        Some(reference)
    }

    /// The bytes behind a reference that this turn holds.
    pub(super) fn spool(&self, reference: &StorageReference) -> Option<Spool> {
        let is_held = |ids: &Vec<String>| ids.iter().any(|id| id == reference.id());
        if reference.backend() != BACKEND || !self.ids().as_ref().is_some_and(is_held) {
            return None;
        }
        self.registry.get(reference.id()).map(|entry| entry.spool)
    }

    pub(super) fn end(&self) {
        let ids = self.ids().take();
        self.registry.remove(&ids.unwrap_or_default());
    }
}
