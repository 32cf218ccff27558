//! PartOptions a complete body: as one object, or as a multipart upload above the part size.

use media_storage::StorageError;
use media_storage::backend::CancelFlag;
use object_store::path::Path;
use object_store::{Attributes, PutPayload};

use super::handle::Bucket;
use super::multipart::{MAX_PARTS, Multipart};
use crate::body::Payload;

/// How bodies are split into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartOptions {
    /// Size of a part, in bytes; bodies up to this size are sent as one object.
    pub(crate) part_size: usize,
    /// Maximum number of parts in memory.
    pub(crate) in_flight: usize,
}

impl PartOptions {
    /// Returns options whose parts are large enough for a body of this length.
    pub(crate) fn for_len(self, len: u64) -> Self {
        let least = usize::try_from(len.div_ceil(MAX_PARTS)).unwrap_or(usize::MAX);
        Self {
            part_size: self.part_size.max(least),
            ..self
        }
    }
}

/// Sends a body of `len` bytes. Stops between two parts if the caller is gone.
pub(crate) async fn send(
    bucket: &Bucket,
    key: &Path,
    payload: &Payload,
    len: u64,
    attributes: Attributes,
    options: PartOptions,
    cancelled: &CancelFlag,
) -> Result<(), StorageError> {
    let mut parts = payload.parts(len, options.for_len(len).part_size);
    if len <= options.part_size as u64 {
        let body = parts.next().await?.map(PutPayload::from);
        let body = body.unwrap_or_default();
        return bucket.put(key, body, attributes).await.map(drop);
    }
    let mut upload = Multipart::begin(bucket, key, attributes, options.in_flight).await?;
    loop {
        cancelled.check()?;
        upload.room().await?;
        match parts.next().await? {
            Some(part) => upload.put(part)?,
            None => return upload.complete().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_body_needs_more_parts_than_services_accept() {
        let options = PartOptions {
            part_size: 8 << 20,
            in_flight: 2,
        };
        assert_eq!(options.for_len(1 << 30).part_size, 8 << 20);
        let most: u64 = 5 << 40;
        let part = options.for_len(most).part_size as u64;
        assert!(part.saturating_mul(MAX_PARTS) >= most);
    }
}
