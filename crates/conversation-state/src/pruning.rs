//! When a store looks for what it remembered long ago.

use std::sync::atomic::{AtomicI64, Ordering};

/// The time between two looks, in milliseconds: about that between two passes over the media.
const EVERY: u64 = 60 * 60 * 1000;
/// Before the first look.
const NEVER: i64 = i64::MIN;

/// The time of the last look through everything that a store remembers as unnamed, which no index shortens. One
/// value per process and store, so that a pass that asks for page after page looks once.
#[derive(Debug)]
pub(crate) struct Pruning(AtomicI64);

impl Default for Pruning {
    fn default() -> Self {
        Self(AtomicI64::new(NEVER))
    }
}

impl Pruning {
    /// Returns whether it is time for a look, to one of those who ask. `now` is in milliseconds.
    pub(crate) fn is_due(&self, now: i64) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        // Also where a clock was set back.
        let is_due = last == NEVER || now.abs_diff(last) >= EVERY;
        let taken = || {
            let exchanged =
                self.0
                    .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed);
            exchanged.is_ok()
        };
        is_due && taken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_look_an_hour_is_due() {
        let pruning = Pruning::default();
        let hour = 60 * 60 * 1000;
        let due: Vec<bool> = [0, 0, 1, hour - 1, hour, hour + 1, 3 * hour, 0, 1]
            .map(|now| pruning.is_due(now))
            .into();
        assert_eq!(
            due,
            [true, false, false, false, true, false, true, true, false]
        );
    }
}
