//! What all handles of a store share, and how it is opened.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::fs::Dir;
use media_storage::backend::CancelFlag;
use media_storage::{Operation, Organization, StorageError, StorageErrorKind};
use media_types::StorageReference;
use tokio::sync::Semaphore;

use crate::base::{ensure_dir, open_base, open_error, sync_parent};
use crate::blobs::Blobs;
use crate::directories::Directories;
use crate::error::{BACKEND, fail, io_error};
use crate::expiry::Expiry;
use crate::format::{self, Format};
use crate::options::{Access, Config, Durability};
use crate::pieces::Pieces;
use crate::quarantine::Quarantine;
use crate::relief::ReliefLog;
use crate::staging::Stagings;
use crate::sys;

/// The directory of internal files. No id is ever encoded to a name that starts with a dot.
pub(crate) const OWN: &str = ".store";

/// Number of file jobs that run at once: enough for stores to share their fsyncs, few enough to
/// leave threads of the runtime to others.
const MAX_JOBS: usize = 64;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) format: Format,
    pub(crate) directories: Directories,
    pub(crate) blobs: Blobs,
    pub(crate) stagings: Stagings,
    pub(crate) expiry: Expiry,
    pub(crate) quarantine: Quarantine,
    pub(crate) relief: ReliefLog,
    pub(crate) pieces: Pieces,
    own: Dir,
    jobs: Arc<Semaphore>,
    copying: AtomicBool,
}

impl Shared {
    pub(crate) fn open(config: Config) -> Result<Self, StorageError> {
        let permissions = config.permissions;
        let base = open_base(
            &config.directory,
            config.access,
            permissions.directory_mode(),
        )?;
        let mode = permissions.own_directory_mode();
        let own = open_own(&base, &config, mode)?;
        let io = |error| open_error(&config.directory, error);
        let format = if config.access == Access::ReadOnly {
            format::read_existing(&own)
        } else {
            format::open(&own, config.organization, permissions)
        };
        let format = format.map_err(|error| error.with_key(config.directory.to_string_lossy()))?;
        let inner = |name| -> Result<Dir, StorageError> {
            match sys::open_dir(&own, name) {
                Err(error) if sys::is_not_found(&error) && config.access != Access::ReadOnly => {
                    ensure_dir(&own, name, mode).map_err(io)?;
                    sys::open_dir(&own, name).map_err(io)
                }
                other => other.map_err(io),
            }
        };
        let (tmp, blobs, expiry) = (inner("tmp")?, inner("blobs")?, inner("expiry")?);
        Ok(Self {
            directories: Directories::new(base, config.durability, permissions.directory_mode()),
            blobs: Blobs::new(blobs, config.durability, permissions),
            stagings: Stagings::new(tmp, permissions),
            expiry: Expiry::new(expiry, permissions),
            quarantine: Quarantine::new(
                own.try_clone().map_err(io)?,
                config.durability,
                permissions,
            ),
            relief: ReliefLog::default(),
            pieces: Pieces::default(),
            own,
            format,
            jobs: Arc::new(Semaphore::new(MAX_JOBS)),
            copying: AtomicBool::new(false),
            config,
        })
    }

    pub(crate) fn base(&self) -> &Dir {
        self.directories.base()
    }

    pub(crate) fn own(&self) -> &Dir {
        &self.own
    }

    /// Returns every organization that media may lie in: those known when this store was opened, and
    /// those that other processes have added since.
    pub(crate) fn organizations(&self) -> Result<Vec<Organization>, StorageError> {
        let mut all = self.format.organizations.clone();
        for organization in format::organizations(&self.own)? {
            if !all.contains(&organization) {
                all.push(organization);
            }
        }
        Ok(all)
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.config.durability == Durability::Synced
    }

    /// Returns the error for something that does not exist: the media, or the whole directory.
    pub(crate) fn absent(&self, operation: Operation, key: &str) -> StorageError {
        if sys::is_removed(self.base()) {
            return fail(StorageErrorKind::Unavailable, operation)
                .with_key(self.config.directory.to_string_lossy())
                .with_reason("the directory of the store was removed");
        }
        fail(StorageErrorKind::NotFound, operation).with_key(key)
    }

    /// Returns an error if the base directory was removed.
    pub(crate) fn check_base(&self, operation: Operation) -> Result<(), StorageError> {
        if sys::is_removed(self.base()) {
            return Err(self.absent(operation, ""));
        }
        Ok(())
    }

    /// Converts an I/O error that concerns a key.
    pub(crate) fn io(&self, operation: Operation, key: &str, error: io::Error) -> StorageError {
        if sys::is_absence(&error) {
            return self.absent(operation, key);
        }
        io_error(operation, error).with_key(key)
    }

    /// Checks that a reference belongs to this store.
    pub(crate) fn check_reference(
        &self,
        reference: &StorageReference,
        operation: Operation,
    ) -> Result<(), StorageError> {
        let refuse = |reason: &'static str| {
            Err(fail(StorageErrorKind::InvalidRef, operation)
                .with_key(reference.id())
                .with_reason(reason))
        };
        if reference.backend() != BACKEND {
            return refuse("the reference belongs to another kind of store");
        }
        // A reference from before the store had a name is still valid.
        if reference.store_name().is_some() && reference.store_name() != self.config.name.as_deref()
        {
            return refuse("the reference belongs to a store of another name");
        }
        Ok(())
    }

    /// Checks that the store may write.
    pub(crate) fn check_writable(&self, operation: Operation) -> Result<(), StorageError> {
        if self.config.access == Access::ReadOnly {
            return Err(fail(StorageErrorKind::Unsupported, operation)
                .with_key(self.config.directory.to_string_lossy())
                .with_reason("the store was opened read-only"));
        }
        Ok(())
    }

    /// Logs once that bytes cannot be shared here.
    pub(crate) fn warn_copying(&self) {
        if !self.copying.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                directory = %self.config.directory.display(),
                "hard links are not available: every reference keeps its own copy of the bytes"
            );
        }
    }

    /// Runs file work on a blocking thread. The work completes even if the future is dropped.
    pub(crate) async fn run<T, F>(
        self: &Arc<Self>,
        operation: Operation,
        job: F,
    ) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Arc<Self>) -> Result<T, StorageError> + Send + 'static,
    {
        let permit = Arc::clone(&self.jobs).acquire_owned().await;
        let shared = Arc::clone(self);
        let work = move || {
            // The permit belongs to the work, which continues when the future is dropped.
            let _permit = permit;
            job(&shared)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|error| missing_directory(operation, error)),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => Err(fail(StorageErrorKind::Unavailable, operation)
                .with_reason("the runtime is shutting down")
                .with_source(error)),
        }
    }

    /// Runs a walk on a blocking thread. The flag that it is given is set when the future is
    /// dropped.
    pub(crate) async fn run_walk<T, F>(
        self: &Arc<Self>,
        operation: Operation,
        job: F,
    ) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&Arc<Self>, &CancelFlag) -> Result<T, StorageError> + Send + 'static,
    {
        let cancelled = CancelFlag::new();
        let _guard = cancelled.cancel_on_drop();
        self.run(operation, move |shared| job(shared, &cancelled))
            .await
    }
}

/// Opens the directory of internal files, and creates it where that is allowed.
fn open_own(base: &Dir, config: &Config, mode: u32) -> Result<Dir, StorageError> {
    let io = |error| open_error(&config.directory, error);
    if config.access == Access::ReadOnly {
        return sys::open_dir(base, OWN).map_err(|error| not_a_store(&config.directory, error));
    }
    ensure_dir(base, OWN, mode).map_err(io)?;
    let own = sys::open_dir(base, OWN).map_err(io)?;
    if !format::exists(&own) {
        // Where a format exists, the names that lead to it are durable, even if whoever created
        // them died.
        sys::sync_dir(base).map_err(io)?;
        sync_parent(&config.directory).map_err(io)?;
    }
    Ok(own)
}

fn not_a_store(path: &Path, error: io::Error) -> StorageError {
    if !sys::is_absence(&error) {
        return open_error(path, error);
    }
    fail(StorageErrorKind::Config, Operation::Open)
        .with_key(path.to_string_lossy())
        .with_reason("the directory is not a media store, and a read-only store is not created")
        .with_source(error)
}

/// Only an operation that names media reports that it was not found. For the others, what does not
/// exist is a directory of the store.
fn missing_directory(operation: Operation, error: StorageError) -> StorageError {
    let names_media = matches!(
        operation,
        Operation::Retrieve | Operation::Delete | Operation::Duplicate | Operation::Update
    );
    if names_media || error.kind() != StorageErrorKind::NotFound {
        return error;
    }
    fail(StorageErrorKind::Unavailable, operation)
        .with_reason("a directory of the store was removed")
        .with_source(error)
}
