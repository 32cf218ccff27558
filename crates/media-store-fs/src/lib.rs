//! `FileStore`: media of LLM conversations in a local directory, deduplicated by hard links, safe
//! against crashes and against other processes.
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
//! What lies on the disk, and why nothing that happens to it can lose media, is told in
//! `docs/format.md`.
//!
//! # Map
//! - [`FileStore`] (`store`), its builder and options (`config`), what handles share (`shared`)
//! - storing: a body becomes staged bytes (`upload`, `intake`, `staging`), shares a blob where it
//!   can (`blobs`), gets its names (`publish`); calls that nobody waits for (`cancel`)
//! - reading (`retrieve`) and deleting (`delete`)
//! - walks (`walk`): list, usage, delete-scope (`inventory`), `sweep` and the task that does it
//!   (`sweeper`), `verify` and repair, the index (`export`)
//! - hints of what expires (`expiry`), the directory's own description (`format`)
//! - directories and their fsyncs (`directories`, `group_sync`), operating systems (`sys`)

mod blobs;
mod cancel;
mod config;
mod delete;
mod directories;
mod duplicate;
mod error;
mod expiry;
mod export;
mod format;
mod group_sync;
mod intake;
mod inventory;
mod publish;
mod retrieve;
mod shared;
mod staging;
mod store;
mod sweep;
mod sweeper;
mod sys;
mod upload;
mod verify;
mod walk;

pub use config::{DedupIndex, Durability, FileStoreBuilder, Permissions};
pub use media_storage::{Organization, Verification};
pub use store::FileStore;
pub use sweeper::{Progress, Sweeper, SweeperOptions};
pub use verify::{Damaged, Problem, ProblemKind, Repair, VerifyDepth, VerifyOptions, VerifyReport};
