//! One fsync for many: whoever waits for a directory shares the next fsync of it.

use std::fmt;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Lets callers that arrive while an fsync runs share the one after it.
///
/// An fsync that starts after a caller arrived covers what the caller did before. So at most one
/// fsync is under way and one is waited for, however many callers there are.
#[derive(Default)]
pub(crate) struct GroupSync {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    /// Number of the fsync that starts next.
    next: u64,
    /// Number of fsyncs that have ended.
    done: u64,
    /// The last one that failed: its number and error.
    failed: Option<(u64, i32)>,
}

impl GroupSync {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is whole whenever the lock is free.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when an fsync that started after this call has ended.
    pub(crate) fn sync(&self, fsync: impl Fn() -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state();
        let mine = state.next;
        loop {
            if state.done > mine {
                return match state.failed {
                    Some((number, code)) if number >= mine => {
                        Err(io::Error::from_raw_os_error(code))
                    }
                    _ => Ok(()),
                };
            }
            if state.running {
                state = self
                    .ended
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.running = true;
            let number = state.next;
            state.next += 1;
            drop(state);
            let result = fsync();
            state = self.state();
            state.running = false;
            state.done = number + 1;
            if let Err(error) = &result {
                state.failed = Some((number, error.raw_os_error().unwrap_or_default()));
            }
            self.ended.notify_all();
            if number >= mine {
                return result;
            }
        }
    }
}

impl fmt::Debug for GroupSync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupSync").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};

    #[test]
    fn callers_that_wait_share_one_fsync() {
        let group = Arc::new(GroupSync::default());
        let count = Arc::new(AtomicUsize::new(0));
        let (entered, release) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let first = {
            let (group, count) = (Arc::clone(&group), Arc::clone(&count));
            let (entered, release) = (Arc::clone(&entered), Arc::clone(&release));
            std::thread::spawn(move || {
                group.sync(|| {
                    count.fetch_add(1, Ordering::SeqCst);
                    entered.wait();
                    release.wait();
                    Ok(())
                })
            })
        };
        entered.wait();
        let waiting: Vec<_> = (0..8)
            .map(|_| {
                let (group, count) = (Arc::clone(&group), Arc::clone(&count));
                std::thread::spawn(move || {
                    group.sync(|| {
                        count.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })
                })
            })
            .collect();
        // All eight have their number before the first fsync ends, as far as that can be seen.
        while group.state().next == 0 {
            std::thread::yield_now();
        }
        release.wait();
        first.join().unwrap().unwrap();
        for thread in waiting {
            thread.join().unwrap().unwrap();
        }
        assert!(count.load(Ordering::SeqCst) <= 9);
    }

    #[test]
    fn a_failure_reaches_its_caller() {
        let group = GroupSync::default();
        let error = group
            .sync(|| Err(io::Error::from_raw_os_error(5)))
            .unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5));
        group.sync(|| Ok(())).unwrap();
    }
}
