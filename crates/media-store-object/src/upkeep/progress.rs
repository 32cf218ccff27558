//! The objects by which full sweeps share their work. They name references.

use bytes::Bytes;
use futures_util::stream::TryStreamExt as _;
use media_storage::{StorageError, StorageErrorKind};
use object_store::path::Path;

use crate::bucket::{Bucket, SecondKeys, Version};
use crate::protocol::Nonce;

/// Reads an object of a sweep; `None` if there is none. One that is too large is garbage, and is removed.
pub(super) async fn read_progress(
    bucket: &Bucket,
    path: &Path,
    limit: u64,
) -> Result<Option<(Bytes, Version)>, StorageError> {
    match bucket.get(path, limit).await {
        Err(error) if error.kind() == StorageErrorKind::Corrupted => {
            bucket.delete(path).await?;
            Ok(None)
        }
        read => read,
    }
}

/// Removes what all sweeps that share their work have kept. Those that are under way end with the part that
/// they do. Costs a listing if there is nothing.
pub(super) async fn remove_progress(
    bucket: &Bucket,
    keys: &SecondKeys,
) -> Result<(), StorageError> {
    if !bucket.any(&keys.all("sweep")?).await? {
        return Ok(());
    }
    // This one first: sweeps remove themselves what they create after that.
    bucket.delete(&keys.sweep("pass")?).await?;
    bucket.delete_under(&keys.all("sweep")?).await
}

/// Removes what sweeps have kept, except the one of this id. Costs a listing.
pub(super) async fn remove_progress_except(
    bucket: &Bucket,
    keys: &SecondKeys,
    id: Nonce,
) -> Result<(), StorageError> {
    let (pass, own) = (keys.sweep("pass")?, keys.sweep(&id.to_string())?);
    let kept = bucket.list(&keys.all("sweep")?, None);
    let others: Vec<_> = kept
        .map_ok(|meta| meta.location)
        .try_filter(|name| std::future::ready(*name != pass && !name.prefix_matches(&own)))
        .try_collect()
        .await?;
    match others.is_empty() {
        true => Ok(()),
        false => bucket.delete_all(others).await.1,
    }
}
