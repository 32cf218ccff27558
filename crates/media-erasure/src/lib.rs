//! A journal of what was erased, kept outside of the media store and of its backups. After a backup was
//! restored, it is replayed, so that what was erased does not come back.
//!
//! The journal names nobody: it has HMACs of ids, under a key of the operator.
//!
//! ```
//! use media_erasure::{ErasureKey, FileJournal, Journaled, replay};
//! use media_storage::{InMemoryStorage, MediaMetadata, MediaStorage, MediaStorageExt, Scope};
//! use media_types::Mime;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let key = ErasureKey::from_bytes([7; 32]); // from a secret manager
//! let journal = FileJournal::new(dir.path().join("erasures.jsonl"));
//! let inner = InMemoryStorage::new();
//! let store = Journaled::new(inner.clone(), journal.clone(), key.clone());
//!
//! let ann = || MediaMetadata::new().with_user("ann".parse().unwrap());
//! store.store_bytes(Mime::IMAGE_PNG, "bytes", ann()).await?;
//! let scope = Scope::User("ann".parse()?);
//! store.inventory().unwrap().delete_scope(scope).await?;
//!
//! // After a backup was restored:
//! let report = replay(&inner, &journal, &key).await?;
//! assert_eq!((report.deleted, report.failed), (0, 0)); // nothing came back
//! # Ok(())
//! # }
//! ```

mod file;
mod journal;
mod journaled;
mod key;
mod record;
mod replay;

pub use file::FileJournal;
pub use journal::ErasureJournal;
pub use journaled::Journaled;
pub use key::ErasureKey;
pub use record::{ErasedScope, ErasureRecord};
pub use replay::{ReplayReport, replay};
