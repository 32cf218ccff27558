//! Encryption at rest for any [`MediaStorage`]: the store below sees ciphertext only, and who forgets the
//! key of a user makes all media of that user unreadable, also in backups.
//!
//! [`MediaStorage`]: media_storage::MediaStorage
//!
//! ```
//! use media_encryption::{Encrypted, KeyScope, LocalKeys, MasterKey};
//! use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
//! use media_types::Mime;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let directory = dir.path().join("keys");
//! let master_key = MasterKey::from_hex(&"5a".repeat(32))?; // from a secret manager
//! let keys = LocalKeys::builder(directory, master_key).with_create(true).open().await?;
//! let inner = InMemoryStorage::new(); // or any other store
//! let store = Encrypted::builder(inner, keys).with_shared_key().build();
//!
//! let reference = store.store_bytes(Mime::IMAGE_PNG, "bytes", MediaMetadata::new()).await?;
//! assert_eq!(reference.sha256(), None); // it carries an HMAC instead
//! assert_eq!(store.retrieve_bytes(&reference, 1024).await?, "bytes");
//! # Ok(())
//! # }
//! ```
//!
//! [`LocalKeys`] keeps keys in files. For a key management service, implement [`KeyProvider`]. The page
//! `docs/encryption.md` has the format and says what is protected from whom.

mod builder;
mod crypto;
mod data_key;
mod decrypt;
mod encrypt;
mod envelope;
mod failure;
mod geometry;
mod header;
mod inventory;
mod key_cache;
mod local;
mod owner;
mod prepared;
mod provider;
mod references;
mod retrieve;
mod scope_key;
mod scopes;
mod shared;
mod spool;
mod store;
mod store_media;
mod z85;

pub use builder::EncryptedBuilder;
pub use data_key::{DataKey, KeyId};
pub use local::{LocalKeys, LocalKeysBuilder, MasterKey, Rewrapped};
pub use owner::{KeyOwner, KeyScope};
pub use provider::{KeyError, KeyErrorKind, KeyProvider};
pub use store::Encrypted;
