//! Values that are being stored.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use media_storage::{MediaMetadata, MediaStorage};

use crate::known::Glance;
use crate::upload::{About, Media, Uploaded};

/// How many values are stored at once.
const MAX_UPLOADS: usize = 8;

/// How many bytes of values that are being stored may be in memory.
const MAX_UPLOAD_BYTES: usize = 3 * 1024 * 1024;

/// Values that are being stored at the same time.
#[derive(Default)]
pub(super) struct Uploads {
    futures: FuturesUnordered<BoxFuture<'static, Uploaded>>,
    running: Vec<Upload>,
}

struct Upload {
    id: u64,
    size: u64,
    glance: Option<Glance>,
    in_memory: usize,
}

impl Uploads {
    /// Whether the same bytes may be on their way.
    pub(super) fn may_have(&self, size: u64, glance: Option<Glance>) -> bool {
        self.running.iter().any(|upload| {
            let both = upload.glance.zip(glance);
            upload.size == size && both.is_none_or(|(one, other)| one == other)
        })
    }

    /// Whether one has to end before another begins.
    pub(super) fn is_full(&self) -> bool {
        let in_memory: usize = self.running.iter().map(|upload| upload.in_memory).sum();
        self.running.len() >= MAX_UPLOADS || in_memory > MAX_UPLOAD_BYTES
    }

    /// Begins to store a value.
    pub(super) fn begin(
        &mut self,
        id: u64,
        (about, media): (About, Media),
        store: Arc<dyn MediaStorage>,
        metadata: MediaMetadata,
    ) {
        self.running.push(Upload {
            id,
            size: media.size,
            glance: media.glance(),
            in_memory: media.tail.len(),
        });
        let stored = media.store(id, about, store, metadata);
        self.futures.push(Box::pin(stored));
    }

    /// Waits for one value to be stored; `None` when none is being stored.
    pub(super) async fn next(&mut self) -> Option<(Uploaded, Option<Glance>)> {
        let uploaded = self.futures.next().await?;
        let at = self
            .running
            .iter()
            .position(|upload| upload.id == uploaded.id);
        let glance = at.and_then(|at| self.running.swap_remove(at).glance);
        Some((uploaded, glance))
    }
}
