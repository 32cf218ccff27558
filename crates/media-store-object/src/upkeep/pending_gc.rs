//! Hashes that lost references, whose bytes are removed if no other reference holds them.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt as _};
use media_types::Sha256;

use crate::bucket::{Bucket, Keys};
use crate::sharing::{self, Content};

/// Maximum number of hashes that are remembered before they are collected.
const BATCH: usize = 1024;

/// Maximum number of hashes that are collected at the same time.
const CONCURRENCY: usize = 8;

/// Hashes that lost references, with the size of their bytes.
#[derive(Debug, Default)]
pub(super) struct PendingGc {
    hashes: HashMap<Sha256, u64>,
}

/// Outcome of a collection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Collected {
    pub(super) bytes: u64,
    pub(super) failed: u64,
}

impl PendingGc {
    /// Adds a hash that lost a reference.
    pub(super) fn add(&mut self, sha256: Sha256, size: u64) {
        self.hashes.insert(sha256, size);
    }

    /// Whether the batch should be [collected](Self::collect).
    pub(super) fn is_full(&self) -> bool {
        self.hashes.len() >= BATCH
    }

    /// Removes the bytes that no reference holds, and empties the batch.
    pub(super) async fn collect(&mut self, bucket: &Bucket, keys: &Keys) -> Collected {
        let hashes = std::mem::take(&mut self.hashes).into_iter();
        let collections = stream::iter(hashes)
            .map(|(sha256, size)| {
                let content = Content::new(bucket, keys, sha256);
                async move { (size, sharing::collect(content).await) }
            })
            .buffer_unordered(CONCURRENCY);
        let total = collections.fold(Collected::default(), |mut total, (size, collected)| {
            match collected {
                Ok(true) => total.bytes += size,
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(%error, "failed to collect unused bytes; a sweep removes them");
                    total.failed += 1;
                }
            }
            std::future::ready(total)
        });
        total.await
    }
}
