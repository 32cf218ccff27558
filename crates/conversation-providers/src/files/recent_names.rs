//! The newest names of files for which something holds.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many names are remembered.
const MAX_NAMES: usize = 4096;

/// The newest names of files for which something holds, newest first: no provider gives a name twice.
#[derive(Debug, Default)]
pub(super) struct RecentNames(Mutex<VecDeque<String>>);

impl RecentNames {
    pub(super) fn add(&self, name: &str) {
        let mut names = self.names();
        if !names.iter().any(|known| known == name) {
            names.truncate(MAX_NAMES - 1);
            names.push_front(name.to_owned());
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.names().iter().any(|known| known == name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.names().is_empty()
    }

    fn names(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
