//! Sending a body that is here whole: at once, or in parts above the part size.

use media_storage::StorageError;
use object_store::path::Path;
use object_store::{Attributes, PutPayload};

use crate::bucket::Bucket;
use crate::cancel::Cancelled;
use crate::multipart::Multipart;
use crate::payload::Payload;

/// Services take at most so many parts.
const MAX_PARTS: u64 = 10_000;

/// How bodies are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    /// Bytes of a part; bodies of at most so many are sent at once.
    pub(crate) part_size: usize,
    /// How many parts may be in memory at once.
    pub(crate) in_flight: usize,
}

impl Sending {
    /// The size of parts for a body of this length.
    fn part_for(self, len: u64) -> usize {
        let least = len.div_ceil(MAX_PARTS);
        usize::try_from(least).map_or(self.part_size, |least| least.max(self.part_size))
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
    cancelled: &Cancelled,
) -> Result<(), StorageError> {
    let mut parts = payload.parts(len, sending.part_for(len));
    if len <= sending.part_size as u64 {
        let body = parts.next().await?.map(PutPayload::from);
        return bucket.put(key, body.unwrap_or_default(), attributes).await;
    }
    let mut upload = Multipart::begin(bucket, key, attributes, sending.in_flight).await?;
    loop {
        cancelled.check()?;
        upload.room().await?;
        match parts.next().await? {
            Some(part) => upload.put(part),
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
        assert_eq!(sending.part_for(1 << 30), 8 << 20);
        let most: u64 = 5 << 40;
        let part = sending.part_for(most) as u64;
        assert!(part.saturating_mul(MAX_PARTS) >= most);
    }
}
