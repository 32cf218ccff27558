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
//! `docs/object-stores.md` describes the objects in the bucket, the cost of each operation and why
//! nothing is lost; `docs/clouds` has a page for each service. The features `aws` (the default),
//! `azure` and `gcp` select the services, `all` selects all of them; without any, pass a store to
//! [`with_object_store`](ObjectMediaStoreBuilder::with_object_store).

mod address;
mod body;
mod bucket;
mod caching;
mod connect;
mod error;
mod inbox;
mod lease_watch;
mod operation;
pub mod protocol;
mod reference;
mod second;
mod shared;
mod sharing;
mod sign;
mod store;
mod upkeep;
mod xml;

pub use error::ServiceFailure;
pub use inbox::{SignedUpload, UploadTicket};
pub use store::{NO_STORE, ObjectMediaStore, ObjectMediaStoreBuilder, ProtocolVersion};
