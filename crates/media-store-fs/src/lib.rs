//! `FileStore`: a media store for LLM conversations in a local directory.
//!
//! Media is deduplicated by hard links. It survives crashes, and other processes that use the same
//! directory.
//!
//! ```
//! use media_storage::{MediaMetadata, MediaStorageExt, Organization};
//! use media_store_fs::FileStore;
//! use media_types::Mime;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path().join("media");
//! let store = FileStore::builder(&directory)
//!     .with_organization(Organization::ByConversation)
//!     .with_deduplication(true)
//!     .build()
//!     .await?;
//! let metadata = MediaMetadata::new().with_conversation("conv-1".parse()?);
//! let one = store.store_bytes(Mime::IMAGE_PNG, "same bytes", metadata.clone()).await?;
//! let two = store.store_bytes(Mime::IMAGE_PNG, "same bytes", metadata).await?;
//! store.delete(&one).await?;
//! assert_eq!(store.retrieve_bytes(&two, 1024).await?, "same bytes");
//! # Ok(())
//! # }
//! ```
//!
//! `docs/format.md` specifies the files on disk, and explains why no crash can lose media.

mod base;
mod blobs;
mod builder;
mod delete;
mod delete_file;
mod delete_many;
mod delete_scope;
mod directories;
mod duplicate;
mod error;
mod expiry;
mod export;
mod format;
mod group_sync;
mod import;
mod intake;
mod key;
mod list;
mod lock;
mod moving;
mod options;
mod orphan;
mod pending;
mod pieces;
mod publish;
mod quarantine;
mod reading;
mod relief;
mod retrieve;
mod shared;
mod sidecar_file;
mod staging;
mod store;
mod sweep;
mod sys;
mod update;
mod upload;
mod usage;
mod verify;
mod walk;

pub use builder::FileStoreBuilder;
pub use media_storage::sweeper::{Sweeper, SweeperOptions, SweeperProgress};
pub use media_storage::{
    DamagedMedia, Organization, ReadData, Verification, VerifyIssue, VerifyIssueKind,
    VerifyOptions, VerifyReport,
};
pub use options::{Durability, FilePermissions, IndexExport};
pub use store::FileStore;
