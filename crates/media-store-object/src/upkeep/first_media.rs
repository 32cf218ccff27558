//! Whether there may be media of the first protocol.

use media_storage::StorageError;

use crate::bucket::{Bucket, Keys};

/// Whether there are blobs of the first protocol, markers, or expiry hints. Media that is not
/// shared and does not expire leaves none of them; a walk over all sidecars finds it.
pub(super) async fn any_first(bucket: &Bucket, keys: &Keys) -> Result<bool, StorageError> {
    let (markers, blobs, hints) = (keys.all_markers()?, keys.blobs()?, keys.expiry()?);
    let (markers, blobs, hints) =
        tokio::try_join!(bucket.any(&markers), bucket.any(&blobs), bucket.any(&hints))?;
    Ok(markers || blobs || hints)
}
