//! Hashes that lost references: their bytes go if nothing else holds them.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt};
use media_types::Sha256;

use crate::bucket::Bucket;
use crate::dedup::{Hash, collect};
use crate::keys::Keys;

/// How many hashes are looked at together; so many are remembered at most.
const BATCH: usize = 1024;

/// How many are looked at once.
const AT_ONCE: usize = 8;

/// Hashes that lost references, with the size of their bytes.
#[derive(Debug, Default)]
pub(crate) struct Released {
    hashes: HashMap<Sha256, u64>,
}

/// What came of looking at them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Freed {
    pub(crate) bytes: u64,
    pub(crate) failed: u64,
}

impl Released {
    /// Remembers one.
    pub(crate) fn add(&mut self, sha256: Sha256, size: u64) {
        self.hashes.insert(sha256, size);
    }

    /// Whether it is time to [`free`](Self::free).
    pub(crate) fn is_full(&self) -> bool {
        self.hashes.len() >= BATCH
    }

    /// Removes the bytes that nothing holds any more, and forgets all.
    pub(crate) async fn free(&mut self, bucket: &Bucket, keys: &Keys) -> Freed {
        let each = std::mem::take(&mut self.hashes).into_iter();
        let collected = stream::iter(each)
            .map(|(sha256, size)| {
                let hash = Hash::new(bucket, keys, sha256);
                async move { (size, collect(hash).await) }
            })
            .buffer_unordered(AT_ONCE);
        let sum = collected.fold(Freed::default(), |mut sum, (size, collected)| {
            match collected {
                Ok(true) => sum.bytes += size,
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(%error, "bytes that nothing holds stay for a sweep");
                    sum.failed += 1;
                }
            }
            std::future::ready(sum)
        });
        sum.await
    }
}
