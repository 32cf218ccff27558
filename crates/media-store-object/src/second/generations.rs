//! Generations that this process saw live, so that it need not read the record before it joins them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::bucket::ContentName;
use crate::protocol::Nonce;

/// How long a generation is used without reading the record. A generation that died in the meantime
/// costs an attempt and nothing else.
const LIFETIME: Duration = Duration::from_secs(600);

/// Maximum number of generations that are remembered, in a few megabytes.
const MAX_REMEMBERED: usize = 32_768;

/// Remembered generations.
#[derive(Default)]
pub(crate) struct Generations {
    seen: Mutex<HashMap<ContentName, (Nonce, Instant)>>,
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generations")
    }
}

impl Generations {
    /// Returns the generation of a hash, if it was live a short time ago.
    pub(crate) fn get(&self, name: ContentName) -> Option<Nonce> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (generation, at) = seen.get(&name)?;
        (at.elapsed() < LIFETIME).then_some(*generation)
    }

    /// Remembers a live generation.
    pub(crate) fn insert(&self, name: ContentName, generation: Nonce) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MAX_REMEMBERED && !seen.contains_key(&name) {
            seen.clear();
        }
        seen.insert(name, (generation, Instant::now()));
    }

    /// Forgets a hash, whose generation was lost.
    pub(crate) fn remove(&self, name: ContentName) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.remove(&name);
    }
}
