//! Hashes that lost references, whose bytes are removed if no other reference holds them.

use std::collections::HashMap;

use futures_util::stream::{self, StreamExt as _};
use media_storage::StorageError;
use media_types::Sha256;

use super::failures::Failures;
use crate::bucket::{Bucket, Keys};
use crate::reference::sidecar::Protocol;
use crate::second::{self, SecondContent};
use crate::sharing::{self, Content};

/// Maximum number of hashes that are remembered before they are collected.
const BATCH: usize = 1024;

/// Maximum number of hashes that are collected at the same time.
const CONCURRENCY: usize = 8;

/// Hashes that lost references, with the size of their bytes.
#[derive(Debug, Default)]
pub(super) struct PendingGc {
    hashes: HashMap<(Sha256, Protocol), u64>,
}

impl PendingGc {
    /// Adds a hash that lost a reference.
    pub(super) fn add(&mut self, sha256: Sha256, protocol: Protocol, size: u64) {
        self.hashes.insert((sha256, protocol), size);
    }

    /// Whether the batch should be [collected](Self::collect).
    pub(super) fn is_full(&self) -> bool {
        self.hashes.len() >= BATCH
    }

    /// Removes the bytes that no reference holds, and empties the batch. Returns the number of bytes
    /// that were removed.
    ///
    /// # Errors
    /// The first failure, if there were too many in a row.
    pub(super) async fn collect(
        &mut self,
        bucket: &Bucket,
        keys: &Keys,
        failures: &mut Failures,
    ) -> Result<u64, StorageError> {
        let hashes = std::mem::take(&mut self.hashes).into_iter();
        let mut collections = stream::iter(hashes)
            .map(|((sha256, protocol), size)| {
                let first = Content::new(bucket, keys, sha256);
                let second = keys
                    .second()
                    .map(|keys| SecondContent::new(bucket, keys, sha256));
                async move {
                    let collected = match protocol {
                        Protocol::First => sharing::collect(first).await,
                        Protocol::Second => match second {
                            Some(second) => second::collect(second).await,
                            None => Ok(false),
                        },
                    };
                    (size, collected)
                }
            })
            .buffer_unordered(CONCURRENCY);
        let mut bytes = 0;
        while let Some((size, collected)) = collections.next().await {
            match collected {
                Ok(removed) => {
                    failures.succeeded();
                    bytes += if removed { size } else { 0 };
                }
                Err(error) => failures.failed(error)?,
            }
        }
        Ok(bytes)
    }
}
