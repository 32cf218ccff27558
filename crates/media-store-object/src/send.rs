//! Sending a body that is here whole: at once, or in parts above the part size.

use media_storage::StorageError;
use object_store::path::Path;
use object_store::{Attributes, PutPayload};

use crate::bucket::Bucket;
use crate::multipart::{MAX_PARTS, Multipart};
use crate::payload::Payload;
use media_storage::backend::CancelFlag;

/// How bodies are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    /// Bytes of a part; bodies of at most so many are sent at once.
    pub(crate) part_size: usize,
    /// How many parts may be in memory at once.
    pub(crate) in_flight: usize,
}

impl Sending {
    /// The same, with parts as large as a body of this length needs them.
    pub(crate) fn for_len(self, len: u64) -> Self {
        let least = usize::try_from(len.div_ceil(MAX_PARTS)).unwrap_or(usize::MAX);
        Self {
            part_size: self.part_size.max(least),
            ..self
        }
    }
}

/// Sends it. Gives up between two parts when the caller is gone.
pub(crate) async fn send(
    bucket: &Bucket,
    key: &Path,
    payload: &Payload,
    len: u64,
    attributes: Attributes,
    sending: Sending,
    cancelled: &CancelFlag,
) -> Result<(), StorageError> {
    let mut parts = payload.parts(len, sending.for_len(len).part_size);
    if len <= sending.part_size as u64 {
        let body = parts.next().await?.map(PutPayload::from);
        return bucket.put(key, body.unwrap_or_default(), attributes).await;
    }
    let mut upload = Multipart::begin(bucket, key, attributes, sending.in_flight).await?;
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
    fn no_body_needs_more_parts_than_services_take() {
        let sending = Sending {
            part_size: 8 << 20,
            in_flight: 2,
        };
        assert_eq!(sending.for_len(1 << 30).part_size, 8 << 20);
        let most: u64 = 5 << 40;
        let part = sending.for_len(most).part_size as u64;
        assert!(part.saturating_mul(MAX_PARTS) >= most);
    }
}
