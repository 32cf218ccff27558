//! The storage trait for media of LLM conversations, and what all stores share.
//!
//! ```
//! use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt};
//! use media_types::{MediaContent, Mime};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = InMemoryStorage::new();
//! let photo = MediaContent::from_base64(Mime::IMAGE_PNG, "iVBORw0KGgo=")?;
//! let metadata = MediaMetadata::new().with_conversation("conv-1".parse()?);
//!
//! let reference = store.store_media(&photo, metadata).await?; // a few hundred bytes
//! let again = store.retrieve_media(&reference, 1 << 20).await?; // verified
//! assert_eq!(again.inline(), photo.inline());
//! store.delete(&reference).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Backends implement [`MediaStorage`]; applications call its methods and those of
//! [`MediaStorageExt`]. Some stores have more capabilities: [`UrlSigner`], [`Inventory`], [`Verifier`]
//! and [`Importer`]. The module [`layers`] has wrappers that add one behavior to any store, and the
//! module [`backend`] what authors of stores need.

// First, so that all others see its macro.
#[macro_use]
mod forward;

pub mod backend;
mod body;
mod copies;
mod error;
mod ext;
mod hash;
mod importer;
mod inventory;
pub mod layers;
pub mod layout;
mod memory;
mod metadata;
mod options;
mod relocated;
mod retention;
mod scope;
mod shown;
mod sidecar;
mod signer;
mod storage;
#[cfg(feature = "sweeper")]
pub mod sweeper;
mod verifier;
mod verify_inventory;

pub use body::{BodyData, ByteStream, MediaBody, next};
pub use copies::{CopiesReport, KeptCopies, MediaCopies};
pub use error::{Operation, StorageError, StorageErrorKind};
pub use ext::MediaStorageExt;
pub use hash::Sha256Hasher;
pub use importer::{ImportKey, ImportOutcome, ImportUpload, Imported, Importer};
pub use inventory::{Entry, Inventory, SweepDepth, SweepLease, SweepOptions, SweepReport, Usage};
pub use layout::Organization;
pub use memory::InMemoryStorage;
pub use metadata::{MAX_TAG_NAME_LEN, MAX_TAG_VALUE_LEN, MAX_TAGS, MediaMetadata};
pub use options::{DeleteOptions, DuplicateOptions, MetadataPatch, RetrieveOptions, Verification};
pub use relocated::Relocated;
pub use retention::{RetentionError, RetentionPolicy};
pub use scope::Scope;
pub use sidecar::{
    MAX_SIDECAR_LEN, MAX_SIDECAR_VERSION, ParsedSidecar, SIDECAR_VERSION, SalvagedSidecar, Sidecar,
};
pub use signer::{SignedUrl, SignedUrlOptions, UrlSigner};
pub use storage::{MediaStorage, MediaUpload, StoredMedia, UploadParts};
pub use verifier::{
    DamagedMedia, ReadData, Verifier, VerifyIssue, VerifyIssueKind, VerifyOptions, VerifyReport,
};
pub use verify_inventory::verify_inventory;

/// Names that [`forward_storage`] needs where it is used.
#[doc(hidden)]
pub mod __private {
    pub use futures_core::future::BoxFuture;
    pub use media_types::StorageReference;
}
