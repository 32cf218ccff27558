//! The builder of a store.

use std::path::Path;
use std::time::Duration;

use media_storage::{
    Operation, Organization, RetentionPolicy, StorageError, StorageErrorKind, Verification,
};
use media_types::StorageReference;

use crate::error::{BACKEND, fail};
use crate::options::{Access, Config, Deduplication, Durability, FilePermissions, IndexExport};
use crate::store::FileStore;

/// Builder of a [`FileStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct FileStoreBuilder {
    config: Config,
    create: bool,
    read_only: bool,
}

impl FileStore {
    /// Opens a directory with the default options of [`builder`](Self::builder).
    ///
    /// # Errors
    /// As [`FileStoreBuilder::build`].
    pub async fn open(directory: impl AsRef<Path>) -> Result<Self, StorageError> {
        Self::builder(directory).build().await
    }

    /// Creates a builder of a store in a directory.
    pub fn builder(directory: impl AsRef<Path>) -> FileStoreBuilder {
        FileStoreBuilder {
            config: Config::new(directory.as_ref().to_owned()),
            create: true,
            read_only: false,
        }
    }
}

impl FileStoreBuilder {
    /// Sets whether the directory is created if it does not exist. Its parent must exist in any case.
    /// Defaults to `true`; set `false` to find out about a mistyped path.
    pub fn with_create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Opens the store read-only: nothing on disk is created or changed, whatever
    /// [`with_create`](Self::with_create) says, and operations that would write fail with `Unsupported`. Defaults to
    /// reading and writing.
    pub fn with_read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Sets how keys are laid out. Defaults to [`Organization::BySession`].
    pub fn with_organization(mut self, organization: Organization) -> Self {
        self.config.organization = organization;
        self
    }

    /// Sets whether equal bytes are stored once, through hard links. Defaults to `false`.
    pub fn with_deduplication(mut self, deduplication: bool) -> Self {
        self.config.deduplication = if deduplication {
            Deduplication::On
        } else {
            Deduplication::Off
        };
        self
    }

    /// Sets what the store waits for before it acknowledges. Defaults to [`Durability::Synced`].
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.config.durability = durability;
        self
    }

    /// Sets how much reads verify. Defaults to [`Verification::HashAndSize`].
    pub fn with_verification(mut self, verification: Verification) -> Self {
        self.config.verification = verification;
        self
    }

    /// Sets a name that references carry, to distinguish several stores: 1 to 64 letters, digits,
    /// `.`, `_` and `-`. Defaults to none.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.config.name = Some(name.into());
        self
    }

    /// Sets the largest size of a media item in bytes. Defaults to no limit.
    pub fn with_max_media_size(mut self, bytes: u64) -> Self {
        self.config.max_media_size = bytes;
        self
    }

    /// Sets the number of bytes to which a sweep prunes the store, oldest media first. Storing never
    /// fails because of it. Defaults to no limit.
    pub fn with_capacity(mut self, bytes: u64) -> Self {
        self.config.capacity = Some(bytes);
        self
    }

    /// Sets the retention of media that is stored without one. Defaults to
    /// [`RetentionPolicy::Retain`].
    pub fn with_default_retention(mut self, retention: RetentionPolicy) -> Self {
        self.config.default_retention = retention;
        self
    }

    /// Sets how long a full sweep keeps what [`FileStore::verify`] moved to quarantine. Counts in
    /// whole days. Defaults to 30 days.
    pub fn with_quarantine_retention(mut self, retention: Duration) -> Self {
        self.config.quarantine_retention = retention;
        self
    }

    /// Sets the permissions of what the store creates. Defaults to [`FilePermissions::Private`].
    pub fn with_permissions(mut self, permissions: FilePermissions) -> Self {
        self.config.permissions = permissions;
        self
    }

    /// Sets when `.dedup-index.json` is written. Defaults to [`IndexExport::OnRequest`].
    pub fn with_index_export(mut self, when: IndexExport) -> Self {
        self.config.index_export = when;
        self
    }

    /// Opens the store. The cost does not depend on how much is stored.
    ///
    /// # Errors
    /// `Config` if the directory cannot be used: its parent does not exist, a file or a dangling
    /// link stands in its place, every user may write to it, its format is of a later version, or
    /// the name of the store is not valid. `Permission`, `DiskSpace` and `Unavailable` as the file
    /// system reports them. The error names the path.
    pub async fn build(mut self) -> Result<FileStore, StorageError> {
        self.config.access = match (self.read_only, self.create) {
            (true, _) => Access::ReadOnly,
            (false, true) => Access::Create,
            (false, false) => Access::Existing,
        };
        // The rules of references decide whether a name is valid.
        let mut probe = StorageReference::builder(BACKEND, "probe");
        if let Some(name) = &self.config.name {
            probe = probe.with_store_name(name);
        }
        probe.build().map_err(|error| {
            fail(StorageErrorKind::Config, Operation::Open)
                .with_reason("the name of the store is not valid")
                .with_source(error)
        })?;
        FileStore::open_with(self.config).await
    }
}
