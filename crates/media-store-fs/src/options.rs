//! Options of a store.

use std::path::PathBuf;
use std::time::Duration;

use media_storage::{Organization, RetentionPolicy, Verification};

/// How long quarantined media is kept by default: 30 days.
pub(crate) const QUARANTINE_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// What a store waits for before it acknowledges an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// Content, sidecar and directory entries are on disk. An acknowledged reference survives power
    /// loss, as far as the file system honors fsync.
    #[default]
    Synced,
    /// Everything was handed to the operating system. An acknowledged reference survives the end of
    /// the process, but not power loss.
    Buffered,
}

/// Permissions of the files and directories that the store creates, on Unix, regardless of the
/// umask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FilePermissions {
    /// Only the owner has access: media 0400, sidecars 0600, directories 0700.
    #[default]
    Private,
    /// The group may read: media 0440, sidecars 0640, directories 0750.
    GroupReadable,
    /// The group may also store and delete: media 0440, sidecars 0660, directories 2770.
    GroupShared,
}

impl FilePermissions {
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

    /// Internal directories are as open as those of the media, so that another user of the group
    /// can open the store.
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
pub enum IndexExport {
    /// When [`FileStore::export_dedup_index`](crate::FileStore::export_dedup_index) is called.
    #[default]
    OnRequest,
    /// Also when the store is closed. This walks over the whole store.
    AtClose,
}

/// Whether equal bytes are stored once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Deduplication {
    #[default]
    Off,
    On,
}

/// How a store may use its directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads and writes; creates the base directory if it does not exist.
    #[default]
    Create,
    /// Reads and writes a base directory that exists.
    Existing,
    /// Only reads, and changes nothing on disk.
    ReadOnly,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) directory: PathBuf,
    pub(crate) access: Access,
    pub(crate) organization: Organization,
    pub(crate) deduplication: Deduplication,
    pub(crate) durability: Durability,
    pub(crate) verification: Verification,
    pub(crate) name: Option<String>,
    pub(crate) max_media_size: u64,
    pub(crate) capacity: Option<u64>,
    pub(crate) default_retention: RetentionPolicy,
    pub(crate) quarantine_retention: Duration,
    pub(crate) permissions: FilePermissions,
    pub(crate) index_export: IndexExport,
}

impl Config {
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            access: Access::default(),
            organization: Organization::default(),
            deduplication: Deduplication::default(),
            durability: Durability::default(),
            verification: Verification::default(),
            name: None,
            max_media_size: u64::MAX,
            capacity: None,
            default_retention: RetentionPolicy::default(),
            quarantine_retention: QUARANTINE_RETENTION,
            permissions: FilePermissions::default(),
            index_export: IndexExport::default(),
        }
    }
}
