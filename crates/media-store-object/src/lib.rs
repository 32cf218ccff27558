//! `ObjectMediaStore`: media of LLM conversations in S3, GCS, Azure or any other object store,
//! deduplicated across nodes without a database.
//!
//! ```
//! use std::sync::Arc;
//! use media_storage::{MediaMetadata, MediaStorageExt};
//! use media_store_object::ObjectMediaStore;
//! use media_types::Mime;
//! use object_store::memory::InMemory;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bucket = Arc::new(InMemory::new());
//! let open = || {
//!     ObjectMediaStore::builder()
//!         .with_object_store(bucket.clone())
//!         .with_deduplication(true)
//!         .build()
//! };
//! let (one_node, another) = (open().await?, open().await?);
//! let metadata = MediaMetadata::new()
//!     .with_session("session-1".parse()?)
//!     .with_conversation("conv-1".parse()?);
//! let one = one_node.store_bytes(Mime::IMAGE_PNG, "same bytes", metadata.clone()).await?;
//! let two = another.store_bytes(Mime::IMAGE_PNG, "same bytes", metadata).await?;
//! another.delete(&one).await?;
//! assert_eq!(one_node.retrieve_bytes(&two, 1024).await?, "same bytes");
//! # Ok(())
//! # }
//! ```
//!
//! A bucket in the cloud is opened by its URL, and signs URLs that clients fetch media by:
//!
//! ```no_run
//! # #[cfg(feature = "aws")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use media_storage::{MediaMetadata, MediaStorage, MediaStorageExt, SignedUrlOptions};
//! use media_store_object::ObjectMediaStore;
//! use media_types::Mime;
//!
//! let store = ObjectMediaStore::builder()
//!     .with_url("s3://bucket/media")
//!     .with_option("region", "eu-west-1")
//!     .with_env()
//!     .with_deduplication(true)
//!     .build()
//!     .await?;
//! let metadata = MediaMetadata::new()
//!     .with_session("session-1".parse()?)
//!     .with_conversation("conv-1".parse()?);
//! let photo = tokio::fs::read("photo.jpg").await?;
//! let reference = store.store_bytes(Mime::IMAGE_JPEG, photo, metadata).await?;
//! if let Some(signer) = store.url_signer() {
//!     let options = SignedUrlOptions::new().with_validity(Duration::from_secs(600));
//!     let signed = signer.signed_url(&reference, options).await?;
//!     println!("until {}: {}", signed.expires_at(), signed.url().as_str());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What lies in the bucket, what each operation costs and why nothing is lost is told in
//! `docs/object-stores.md`; `docs/clouds` has a page for each service. Features: `aws`, `azure` and
//! `gcp`, all on by default; without any, stores come by
//! [`with_object_store`](ObjectMediaStoreBuilder::with_object_store).
//!
//! # Map
//! - [`ObjectMediaStore`] (`store`), its builder (`builder`), what handles share (`shared`)
//! - how equal bytes are shared by many nodes without a database: [`protocol`], state machines that
//!   do no I/O, and what drives them against a bucket (`dedup`)
//! - storing (`upload`): a body becomes something that can be sent again (`intake`, `payload`,
//!   `spool`; `buffers`) and is sent whole or in parts (`send`, `multipart`), to be shared (`dedup`,
//!   `tokens`) or not (`own`); calls that nobody waits for (`cancel`); headers (`headers`)
//! - finding what a reference stands for (`find`, `sidecar`), reading (`retrieve`), deleting
//!   (`delete`)
//! - walks over references (`walk`, `layout`) and shared bytes (`hashes`): list, usage, delete-scope
//!   (`inventory`, `released`), what expires (`expiry`), `sweep` (`seen`)
//! - the bucket: names in it (`keys`), the calls that everything is made of (`bucket`), failures
//!   (`error`), work that would hold up the runtime (`blocking`)
//! - getting in: URL, options and environment (`location`, `connect`, `connection`), what the service
//!   can do (`probe`), signed URLs (`sign`)

mod blocking;
mod bucket;
mod buffers;
mod builder;
mod cancel;
mod connect;
mod connection;
mod dedup;
mod delete;
mod error;
mod expiry;
mod find;
mod hashes;
mod headers;
mod intake;
mod inventory;
mod keys;
mod layout;
mod location;
mod multipart;
mod own;
mod payload;
mod probe;
pub mod protocol;
mod released;
mod retrieve;
mod seen;
mod send;
mod shared;
mod sidecar;
mod sign;
mod spool;
mod store;
mod sweep;
mod tokens;
mod upload;
mod walk;

pub use builder::ObjectMediaStoreBuilder;
pub use error::ServiceFailure;
pub use store::ObjectMediaStore;
