//! Sharing of fsyncs: callers that wait for the same directory share its next fsync.

use std::fmt;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Lets callers that arrive while an fsync runs share the next one.
///
/// An fsync that starts after a caller arrived covers everything that the caller did before. So at
/// most one fsync runs and one is waited for, however many callers there are.
#[derive(Default)]
pub(crate) struct GroupSync {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    /// Number of callers that wait for a running fsync.
    waiting: usize,
    /// Number of the fsync that starts next.
    next: u64,
    /// Number of fsyncs that have ended.
    done: u64,
    /// The last one that failed: its number and error.
    failed: Option<(u64, i32)>,
}

impl GroupSync {
    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent whenever the lock is free.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until an fsync that started after this call has ended.
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
                state.waiting += 1;
                state = self
                    .ended
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
                state.waiting -= 1;
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
                // The system reports a failure once. A caller that waits for the next fsync may have
                // written what this one failed to write, so the next one must fail for it too.
                state.next += 1;
                state.done = state.next;
                state.failed = Some((state.next - 1, error.raw_os_error().unwrap_or_default()));
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
        f.debug_struct("GroupSync")
            .field("waiting", &self.state().waiting)
            .finish_non_exhaustive()
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
        while group.state().waiting < 8 {
            std::thread::yield_now();
        }
        release.wait();
        first.join().unwrap().unwrap();
        for thread in waiting {
            thread.join().unwrap().unwrap();
        }
        assert_eq!(count.load(Ordering::SeqCst), 2);
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

    #[test]
    fn a_failure_reaches_those_who_waited_while_it_happened() {
        let group = Arc::new(GroupSync::default());
        let waiter = Mutex::new(None);
        let failed = group.sync(|| {
            // Arrives while this fsync runs, so it waits for the next.
            let waiting = Arc::clone(&group);
            let thread = std::thread::spawn(move || waiting.sync(|| Ok(())));
            while group.state().waiting == 0 {
                std::thread::yield_now();
            }
            *waiter.lock().unwrap() = Some(thread);
            Err(io::Error::from_raw_os_error(5))
        });
        assert!(failed.is_err());
        let thread = waiter.lock().unwrap().take().unwrap();
        let error = thread.join().unwrap().unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5));
        group.sync(|| Ok(())).unwrap();
    }
}
