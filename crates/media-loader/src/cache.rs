//! A cache of the bytes of stored media, by their hash.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use media_types::Sha256;
use tokio::sync::OnceCell;

use crate::error::LoadError;

/// A cache of limited size. The first caller loads, and concurrent callers wait for the same load.
#[derive(Debug)]
pub(crate) struct Cache {
    capacity: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<Sha256, Slot>,
    /// Number of bytes of all slots, loaded or being loaded.
    held: u64,
    clock: u64,
}

#[derive(Debug)]
struct Slot {
    cell: Arc<OnceCell<Bytes>>,
    size: u64,
    used: u64,
}

impl Cache {
    pub(crate) fn new(capacity: u64) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
        }
    }

    /// Whether media of a size can be cached.
    pub(crate) fn takes(&self, size: u64) -> bool {
        size <= self.capacity
    }

    /// Returns the bytes of a hash, loaded once at a time. A load that fails or is dropped is not remembered;
    /// the next caller loads again.
    pub(crate) async fn get_or_load<F>(
        &self,
        sha256: Sha256,
        size: u64,
        load: impl FnOnce() -> F + Send,
    ) -> Result<Bytes, LoadError>
    where
        F: Future<Output = Result<Bytes, LoadError>> + Send,
    {
        let slot = Held {
            cache: self,
            sha256,
            cell: self.slot(sha256, size),
        };
        slot.cell.get_or_try_init(load).await.cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, sha256: Sha256, size: u64) -> Arc<OnceCell<Bytes>> {
        let mut state = self.state();
        state.clock += 1;
        let now = state.clock;
        if let Some(slot) = state.slots.get_mut(&sha256) {
            slot.used = now;
            return Arc::clone(&slot.cell);
        }
        while state.held + size > self.capacity {
            let oldest = state.slots.iter().min_by_key(|(_, slot)| slot.used);
            let Some(oldest) = oldest.map(|(hash, _)| *hash) else {
                break;
            };
            state.remove(oldest);
        }
        let cell = Arc::new(OnceCell::new());
        state.held += size;
        state.slots.insert(
            sha256,
            Slot {
                cell: Arc::clone(&cell),
                size,
                used: now,
            },
        );
        cell
    }

    #[cfg(test)]
    fn held(&self) -> u64 {
        self.state().held
    }
}

impl State {
    fn remove(&mut self, sha256: Sha256) {
        if let Some(slot) = self.slots.remove(&sha256) {
            self.held -= slot.size;
        }
    }
}

/// The use of a slot by a caller. The last one that leaves an empty slot removes it.
struct Held<'a> {
    cache: &'a Cache,
    sha256: Sha256,
    cell: Arc<OnceCell<Bytes>>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.cell.initialized() {
            return;
        }
        let mut state = self.cache.state();
        let ours = state
            .slots
            .get(&self.sha256)
            .is_some_and(|slot| Arc::ptr_eq(&slot.cell, &self.cell));
        // This hold and the map's.
        if ours && Arc::strong_count(&self.cell) == 2 {
            state.remove(self.sha256);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::LoadErrorKind;
    use media_storage::Sha256Hasher;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn hash(n: u8) -> Sha256 {
        Sha256Hasher::digest(&[n])
    }

    async fn get(cache: &Cache, n: u8, size: usize, loads: &AtomicU32) -> Bytes {
        let load = || async {
            loads.fetch_add(1, Ordering::SeqCst);
            Ok(Bytes::from(vec![n; size]))
        };
        cache.get_or_load(hash(n), size as u64, load).await.unwrap()
    }

    #[tokio::test]
    async fn the_least_used_goes_and_the_bound_holds() {
        let (cache, loads) = (Cache::new(100), AtomicU32::new(0));
        for n in [1, 2, 1] {
            get(&cache, n, 50, &loads).await;
        }
        assert_eq!(loads.load(Ordering::SeqCst), 2);
        get(&cache, 3, 40, &loads).await;
        assert_eq!(cache.held(), 90);
        get(&cache, 1, 50, &loads).await;
        assert_eq!(loads.load(Ordering::SeqCst), 3, "1 was used after 2");
        get(&cache, 2, 50, &loads).await;
        assert_eq!(loads.load(Ordering::SeqCst), 4, "2 had gone");
        assert!(cache.takes(100) && !cache.takes(101));
        get(&cache, 4, 100, &loads).await;
        assert_eq!(cache.held(), 100);
    }

    #[tokio::test]
    async fn failed_and_dropped_loads_are_not_kept() {
        let (cache, loads) = (Cache::new(100), AtomicU32::new(0));
        let fail = || async { Err(LoadError::new(LoadErrorKind::File)) };
        assert!(cache.get_or_load(hash(1), 10, fail).await.is_err());
        assert_eq!(cache.held(), 0);
        let dropped = cache.get_or_load(hash(1), 10, std::future::pending);
        let waited = tokio::time::timeout(std::time::Duration::ZERO, dropped).await;
        assert!(waited.is_err());
        assert_eq!(cache.held(), 0);
        assert_eq!(get(&cache, 1, 10, &loads).await.len(), 10);
        assert_eq!(cache.held(), 10);
    }
}
