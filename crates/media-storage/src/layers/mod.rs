//! Wrappers of stores that add one behavior each. They compose in any order.
//!
//! ```
//! use media_storage::layers::Limited;
//! use media_storage::{InMemoryStorage, MediaMetadata, MediaStorageExt, StorageErrorKind};
//! use media_types::Mime;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), media_storage::StorageError> {
//! let store = Limited::new(InMemoryStorage::new())
//!     .with_max_bytes_per_user(1000)
//!     .with_max_concurrent_operations(8);
//! let metadata = || MediaMetadata::new().with_user("user-1".parse().unwrap());
//! store.store_bytes(Mime::IMAGE_PNG, vec![0; 900], metadata()).await?;
//! let error = store.store_bytes(Mime::IMAGE_PNG, vec![0; 200], metadata()).await.unwrap_err();
//! assert_eq!(error.kind(), StorageErrorKind::QuotaExceeded);
//! # Ok(())
//! # }
//! ```

mod capped;
#[cfg(feature = "instrumented")]
mod instrumented;
mod limited;
#[cfg(feature = "periodic-verification")]
mod periodic_verification;
mod permits;
mod quota;
mod quota_ledger;
#[cfg(feature = "periodic-verification")]
mod verified_read;
#[cfg(feature = "periodic-verification")]
mod verified_references;

#[cfg(feature = "instrumented")]
pub use instrumented::Instrumented;
pub use limited::Limited;
#[cfg(feature = "periodic-verification")]
pub use periodic_verification::PeriodicVerification;
pub use quota::QuotaLimits;
pub use quota_ledger::{InMemoryQuotas, QuotaLedger, QuotaReservation};
