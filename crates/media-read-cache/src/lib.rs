//! A bounded, verified read cache on the local disk in front of any [`MediaStorage`].
//!
//! [`MediaStorage`]: media_storage::MediaStorage
//!
//! ```
//! use media_read_cache::ReadCache;
//! use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
//! use media_types::Mime;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! let store = InMemoryStorage::new(); // or an object store
//! let cached = ReadCache::builder(store, dir.path()).with_capacity(10 << 30).build().await?;
//! let reference = cached.store_bytes(Mime::IMAGE_PNG, "bytes", MediaMetadata::new()).await?;
//! for _ in 0..2 {
//!     assert_eq!(cached.retrieve_bytes(&reference, 1024).await?, "bytes");
//! }
//! assert_eq!((cached.stats().misses, cached.stats().hits), (1, 1));
//! # Ok(())
//! # }
//! ```
//!
//! The crate knows no particular store. It needs a tokio runtime.

mod builder;
mod cache;
mod disk;
mod engine;
mod entry;
mod error;
mod filling;
mod flight;
mod heads;
mod hit;
mod index;
mod inventory;
mod key;
mod ledger;
mod options;
mod read;
mod slot;
mod stats;
mod tee;

pub use builder::ReadCacheBuilder;
pub use cache::ReadCache;
pub use options::CacheFill;
pub use stats::CacheStats;
