//! What all stores share: the parts that every implementation of
//! [`MediaStorage`](crate::MediaStorage) needs and none should write again.
//!
//! ```
//! use media_storage::backend::{CancelFlag, Digest, PendingReference};
//! use media_types::StorageReference;
//!
//! let digest = Digest::of_bytes(b"media");
//! assert_eq!(digest.len, 5);
//!
//! // In the future that the caller awaits:
//! let cancelled = CancelFlag::new();
//! let guard = cancelled.cancel_on_drop();
//! // In the job that publishes the media, right before it becomes visible:
//! cancelled.check()?;
//! let reference = StorageReference::builder("file", "a.png").build()?;
//! let pending = PendingReference::new(reference, |reference| {
//!     println!("nobody received {}; deleting it", reference.id());
//! });
//! // Back in the caller's future:
//! assert_eq!(pending.claim().id(), "a.png");
//! drop(guard);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! These items are for authors of stores. Applications use [`MediaStorage`](crate::MediaStorage) and
//! [`MediaStorageExt`](crate::MediaStorageExt).

mod cancel;
mod digest;
mod failures;
mod pending;
mod upload;

pub use crate::body::invalid_base64;
pub use crate::metadata::check_tags;
pub use crate::storage::{copy_through, hold_copy};
pub use cancel::{CancelFlag, CancelOnDrop};
pub use digest::Digest;
pub use failures::FailureLog;
pub use pending::PendingReference;
pub use upload::{attribute_store_error, check_expected_sha256, check_size};
