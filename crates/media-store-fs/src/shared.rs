//! What all handles of a store share, and how it is opened.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::fs::Dir;
use media_storage::{Operation, Organization, StorageError, StorageErrorKind};
use media_types::StorageReference;
use tokio::sync::Semaphore;

use crate::blobs::Blobs;
use crate::config::{Config, Durability};
use crate::directories::Directories;
use crate::error::{BACKEND, fail, io_error};
use crate::expiry::Expiry;
use crate::format::{self, Format};
use crate::intake::Relief;
use crate::staging::Stagings;
use crate::sys;

/// The directory of the store's own files. No id is ever encoded to a name that starts with a dot.
pub(crate) const OWN: &str = ".store";

/// How many file jobs run at once. Enough for stores to share their fsyncs, few enough to leave
/// the runtime's threads to others.
const MAX_JOBS: usize = 64;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) format: Format,
    pub(crate) directories: Directories,
    pub(crate) blobs: Blobs,
    pub(crate) stagings: Stagings,
    pub(crate) expiry: Expiry,
    own: Dir,
    jobs: Arc<Semaphore>,
    copying: AtomicBool,
}

impl Shared {
    pub(crate) fn open(config: Config) -> Result<Self, StorageError> {
        let io = |error| io_error(Operation::Open, error);
        let base = open_base(&config.directory, config.permissions.directory_mode())?;
        if sys::is_world_writable(&base).map_err(io)? {
            return Err(fail(StorageErrorKind::Config, Operation::Open)
                .with_reason("everybody may write to the directory"));
        }
        let mode = config.permissions.own_directory_mode();
        ensure_dir(&base, OWN, mode).map_err(io)?;
        let own = sys::open_dir(&base, OWN).map_err(io)?;
        if !format::is_there(&own) {
            // So that where there is a format, the names that lead to it are durable, whoever made
            // them and died. A parent that may not even be opened was not written to by this user.
            sys::sync_dir(&base).map_err(io)?;
            match sync_parent(&config.directory) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                other => other.map_err(io)?,
            }
        }
        let format = format::open(&own, config.organization, config.permissions)?;
        let inner = |name| -> io::Result<Dir> {
            match sys::open_dir(&own, name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    ensure_dir(&own, name, mode)?;
                    sys::open_dir(&own, name)
                }
                other => other,
            }
        };
        let (tmp, blobs, expiry) = (
            inner("tmp").map_err(io)?,
            inner("blobs").map_err(io)?,
            inner("expiry").map_err(io)?,
        );
        Ok(Self {
            directories: Directories::new(
                base,
                config.durability,
                config.permissions.directory_mode(),
            ),
            blobs: Blobs::new(blobs, config.durability, config.permissions),
            stagings: Stagings::new(tmp, config.permissions),
            expiry: Expiry::new(expiry, config.permissions),
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

    /// Every organisation that media may lie in: those known when this store was opened, and those
    /// that others have added since.
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

    /// What absence means: the media is not there, or the whole directory is not.
    pub(crate) fn absent(&self, operation: Operation, key: &str) -> StorageError {
        if sys::is_removed(self.base()) {
            return fail(StorageErrorKind::Unavailable, operation)
                .with_reason("the directory of the store is gone");
        }
        fail(StorageErrorKind::NotFound, operation).with_key(key)
    }

    /// An I/O error about a key.
    pub(crate) fn io(&self, operation: Operation, key: &str, error: io::Error) -> StorageError {
        if sys::is_absence(&error) {
            return self.absent(operation, key);
        }
        io_error(operation, error).with_key(key)
    }

    /// Whether a reference is of this store at all.
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
            return refuse("it is of another backend");
        }
        // A reference from before the store had a name still leads here.
        if reference.store_name().is_some() && reference.store_name() != self.config.name.as_deref()
        {
            return refuse("it is of another store");
        }
        Ok(())
    }

    /// Says once that bytes cannot be shared here.
    pub(crate) fn say_copying(&self) {
        if !self.copying.swap(true, Ordering::Relaxed) {
            tracing::warn!("no hard links to be had here: every reference keeps bytes of its own");
        }
    }

    /// Runs file work off the runtime.
    ///
    /// The work runs to its end also when the future is dropped.
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
            // Held by the work, which goes on when the future is dropped.
            let _permit = permit;
            job(&shared)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|error| gone(operation, error)),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => Err(fail(StorageErrorKind::Unavailable, operation)
                .with_reason("the runtime is shutting down")
                .with_source(error)),
        }
    }
}

/// Only who names media can be told that it is not found; whoever else misses something misses a
/// directory of the store.
fn gone(operation: Operation, error: StorageError) -> StorageError {
    let names_media = matches!(
        operation,
        Operation::Retrieve | Operation::Delete | Operation::Duplicate | Operation::Update
    );
    if names_media || error.kind() != StorageErrorKind::NotFound {
        return error;
    }
    fail(StorageErrorKind::Unavailable, operation)
        .with_reason("a directory of the store is gone")
        .with_source(error)
}

/// Opens the base directory, creating the last component of its path where it is missing.
fn open_base(path: &Path, mode: u32) -> Result<Dir, StorageError> {
    let open = || sys::open_ambient_dir(path);
    let config = |reason: &'static str, error: io::Error| {
        fail(StorageErrorKind::Config, Operation::Open)
            .with_reason(reason)
            .with_source(error)
    };
    match open() {
        Ok(dir) => Ok(dir),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match sys::create_base(path, mode) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(config("the parent of the directory is not there", error));
                }
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(io_error(Operation::Open, error));
                }
                _ => {}
            }
            open().map_err(|error| io_error(Operation::Open, error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(config(
            "there is a file where the directory should be",
            error,
        )),
        Err(error) => Err(io_error(Operation::Open, error)),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Ok(()),
    };
    sys::sync_dir(&sys::open_ambient_dir(parent)?)
}

/// Creates a directory where it is missing; whether it was.
fn ensure_dir(parent: &Dir, name: &str, mode: u32) -> io::Result<bool> {
    match parent.symlink_metadata(name) {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match sys::create_dir(parent, name, mode) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

/// Removes unreferenced blobs, once per store call, when the disk is full.
pub(crate) struct BlobRelief<'a> {
    shared: &'a Shared,
    used: bool,
}

impl<'a> BlobRelief<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            used: false,
        }
    }
}

impl Relief for BlobRelief<'_> {
    fn relieve(&mut self) -> bool {
        if std::mem::replace(&mut self.used, true) {
            return false;
        }
        crate::sweep::remove_unreferenced_blobs(self.shared)
    }
}
