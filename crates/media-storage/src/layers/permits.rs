//! A limit of operations that run at once, without an async runtime.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// A number of permits. Waiting operations receive them in their order.
#[derive(Debug)]
pub(super) struct Permits {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    next: u64,
    waiting: VecDeque<(u64, Waker)>,
}

/// A permit, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Permits>);

impl Permits {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                free: count.max(1),
                next: 0,
                waiting: VecDeque::new(),
            }),
        })
    }

    /// Waits for a permit. Dropping the future gives up its place.
    pub(super) fn acquire(self: &Arc<Self>) -> Acquire {
        Acquire {
            permits: Arc::clone(self),
            ticket: None,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Wakes the operations at the front for which there are permits.
    fn wake(&self) {
        for (_, waker) in self.waiting.iter().take(self.free) {
            waker.wake_by_ref();
        }
    }
}

pub(super) struct Acquire {
    permits: Arc<Permits>,
    ticket: Option<u64>,
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        let this = &mut *self;
        let mut state = this.permits.state();
        let place = this
            .ticket
            .and_then(|ticket| state.waiting.iter().position(|(other, _)| *other == ticket));
        let ahead = place.unwrap_or(state.waiting.len());
        if ahead < state.free {
            if let Some(place) = place {
                state.waiting.remove(place);
            }
            state.free -= 1;
            this.ticket = None;
            return Poll::Ready(Permit(Arc::clone(&this.permits)));
        }
        match place.and_then(|place| state.waiting.get_mut(place)) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => {
                let ticket = state.next;
                state.next += 1;
                state.waiting.push_back((ticket, cx.waker().clone()));
                this.ticket = Some(ticket);
            }
        }
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let mut state = self.permits.state();
            state.waiting.retain(|(other, _)| *other != ticket);
            state.wake();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.free += 1;
        state.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_more_run_than_there_are_permits_and_all_come_to_run() {
        let permits = Permits::new(3);
        let (running, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..200)
            .map(|at| {
                let (permits, running, peak) = (
                    Arc::clone(&permits),
                    Arc::clone(&running),
                    Arc::clone(&peak),
                );
                tokio::spawn(async move {
                    let mut acquire = Box::pin(permits.acquire());
                    if at % 5 == 0 {
                        // Polled once, then dropped: it must not keep its place.
                        tokio::select! {
                            biased;
                            _ = &mut acquire => {}
                            () = std::future::ready(()) => {}
                        }
                        return;
                    }
                    let _permit = acquire.await;
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    peak.fetch_max(now, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    running.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(peak.load(Ordering::SeqCst) <= 3);
        assert_eq!(permits.state().free, 3);
        assert!(permits.state().waiting.is_empty());
    }
}
