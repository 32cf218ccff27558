//! How a store is set up.

use std::path::{Path, PathBuf};

use media_storage::{
    Operation, Organization, RetentionPolicy, StorageError, StorageErrorKind, Verification,
};

use crate::error::fail;
use crate::store::FileStore;

/// What a store waits for before it acknowledges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Content, sidecar and directory entries are on the disk: an acknowledged reference survives
    /// power loss, as far as the file system orders what it is told to.
    #[default]
    Synced,
    /// They are with the operating system: an acknowledged reference survives the end of the
    /// process, not the end of power.
    Buffered,
}

/// Who may read and write what the store creates, on Unix, whatever the umask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permissions {
    /// The owner only: media 0400, sidecars 0600, directories 0700.
    #[default]
    Private,
    /// The group may read: media 0440, sidecars 0640, directories 0750.
    GroupReadable,
    /// The group may store and delete too: media 0440, sidecars 0660, directories 2770.
    GroupShared,
}

impl Permissions {
    pub(crate) fn media_mode(self) -> u32 {
        match self {
            Self::Private => 0o400,
            Self::GroupReadable | Self::GroupShared => 0o440,
        }
    }

    pub(crate) fn sidecar_mode(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::GroupReadable => 0o640,
            Self::GroupShared => 0o660,
        }
    }

    /// The store's own directories: as open as the media's, so that another user of the group can
    /// open the store at all.
    pub(crate) fn own_directory_mode(self) -> u32 {
        self.directory_mode()
    }

    pub(crate) fn directory_mode(self) -> u32 {
        match self {
            Self::Private => 0o700,
            Self::GroupReadable => 0o750,
            Self::GroupShared => 0o2770,
        }
    }
}

/// When `.dedup-index.json` is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DedupIndex {
    /// When it is asked for.
    #[default]
    OnRequest,
    /// Also when the store is closed. That costs a walk over everything.
    AtClose,
}

/// Whether equal bytes are kept once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Deduplication {
    #[default]
    Off,
    On,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) directory: PathBuf,
    pub(crate) organization: Organization,
    pub(crate) deduplication: Deduplication,
    pub(crate) durability: Durability,
    pub(crate) verification: Verification,
    pub(crate) name: Option<String>,
    pub(crate) max_media_size: u64,
    pub(crate) capacity: Option<u64>,
    pub(crate) default_retention: RetentionPolicy,
    pub(crate) permissions: Permissions,
    pub(crate) dedup_index: DedupIndex,
}

/// Sets up a [`FileStore`].
#[derive(Clone, Debug)]
#[must_use]
pub struct FileStoreBuilder {
    config: Config,
}

impl FileStoreBuilder {
    pub(crate) fn new(directory: impl AsRef<Path>) -> Self {
        Self {
            config: Config {
                directory: directory.as_ref().to_owned(),
                organization: Organization::default(),
                deduplication: Deduplication::default(),
                durability: Durability::default(),
                verification: Verification::default(),
                name: None,
                max_media_size: u64::MAX,
                capacity: None,
                default_retention: RetentionPolicy::default(),
                permissions: Permissions::default(),
                dedup_index: DedupIndex::default(),
            },
        }
    }

    /// How keys are laid out. Default: [`Organization::BySession`].
    pub fn with_organization(mut self, organization: Organization) -> Self {
        self.config.organization = organization;
        self
    }

    /// Whether equal bytes are kept once, through hard links. Default: false.
    pub fn with_deduplication(mut self, deduplication: bool) -> Self {
        self.config.deduplication = if deduplication {
            Deduplication::On
        } else {
            Deduplication::Off
        };
        self
    }

    /// What the store waits for before it acknowledges. Default: [`Durability::Synced`].
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.config.durability = durability;
        self
    }

    /// How much reads check. Default: [`Verification::Always`].
    pub fn with_verification(mut self, verification: Verification) -> Self {
        self.config.verification = verification;
        self
    }

    /// A name that references carry, to tell several stores apart: 1 to 64 letters, digits, `.`,
    /// `_` and `-`. Default: none.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.config.name = Some(name.into());
        self
    }

    /// Refuses media of more than so many bytes. Default: no limit.
    pub fn with_max_media_size(mut self, bytes: u64) -> Self {
        self.config.max_media_size = bytes;
        self
    }

    /// To how many bytes a sweep prunes, oldest first. Storing is never refused for it. Default:
    /// no limit.
    pub fn with_capacity(mut self, bytes: u64) -> Self {
        self.config.capacity = Some(bytes);
        self
    }

    /// Retention of media that is stored without one. Default: [`RetentionPolicy::Retain`].
    pub fn with_default_retention(mut self, retention: RetentionPolicy) -> Self {
        self.config.default_retention = retention;
        self
    }

    /// Who may read and write what the store creates. Default: [`Permissions::Private`].
    pub fn with_permissions(mut self, permissions: Permissions) -> Self {
        self.config.permissions = permissions;
        self
    }

    /// When `.dedup-index.json` is written. Default: [`DedupIndex::OnRequest`].
    pub fn with_dedup_index(mut self, when: DedupIndex) -> Self {
        self.config.dedup_index = when;
        self
    }

    /// Opens the store: creates the directory where it is missing (its parent must be there) and
    /// checks the format. Cost does not depend on what is stored.
    ///
    /// # Errors
    /// `Config`: a file in the directory's place, no parent, a directory that everybody may write
    /// to, a format of a later version, a bad name. `Permission`, `DiskSpace`, `Unavailable`.
    pub async fn build(self) -> Result<FileStore, StorageError> {
        // The reference's own rules decide what a name may be.
        let mut probe = media_types::StorageReference::builder(crate::error::BACKEND, "probe");
        if let Some(name) = &self.config.name {
            probe = probe.with_store_name(name);
        }
        probe.build().map_err(|error| {
            fail(StorageErrorKind::Config, Operation::Open)
                .with_reason("the name of the store is not usable")
                .with_source(error)
        })?;
        FileStore::open_with(self.config).await
    }
}
