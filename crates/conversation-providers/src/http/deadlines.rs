//! How long an answer is waited for.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::TimeoutPhase;

/// When a request last moved: a body of many megabytes may take longer than its answer.
#[derive(Clone, Debug)]
pub(crate) struct SendProgress(Arc<Mutex<Moved>>);

#[derive(Debug)]
struct Moved {
    last: Instant,
    is_sent: bool,
}

impl SendProgress {
    pub(crate) fn new() -> Self {
        let last = Instant::now();
        Self(Arc::new(Mutex::new(Moved {
            last,
            is_sent: false,
        })))
    }

    fn moved(&self) -> MutexGuard<'_, Moved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that something was sent or has come.
    pub(crate) fn mark(&self) {
        self.moved().last = Instant::now();
    }

    /// Notes that the whole request was sent.
    pub(super) fn mark_sent(&self) {
        self.moved().is_sent = true;
    }

    /// Returns whether the whole request was sent.
    pub(crate) fn is_sent(&self) -> bool {
        self.moved().is_sent
    }

    fn last(&self) -> Instant {
        self.moved().last
    }
}

/// Waits for the first byte of an answer, until the request has not moved for a time, or the
/// deadline.
///
/// # Errors
/// The phase in which time ran out.
pub(crate) async fn wait_for_answer<T>(
    answer: impl Future<Output = T>,
    progress: &SendProgress,
    silence: Duration,
    deadline: Instant,
) -> Result<T, TimeoutPhase> {
    let mut answer = pin!(answer);
    loop {
        let until = deadline.min(after(progress.last(), silence));
        if let Ok(outcome) = tokio::time::timeout_at(until, &mut answer).await {
            return Ok(outcome);
        }
        let has_moved = after(progress.last(), silence) > until;
        if until >= deadline || !has_moved {
            return Err(TimeoutPhase::BeforeFirstByte);
        }
    }
}

/// Waits for more of an answer, for a time or until the deadline.
///
/// # Errors
/// The phase in which time ran out.
pub(crate) async fn wait_idle<T>(
    more: impl Future<Output = T>,
    silence: Duration,
    deadline: Option<Instant>,
) -> Result<T, TimeoutPhase> {
    let until = after(Instant::now(), silence);
    let until = deadline.map_or(until, |deadline| deadline.min(until));
    tokio::time::timeout_at(until, more)
        .await
        .map_err(|_| TimeoutPhase::AfterFirstByte)
}

/// A moment after another; in a year where that is later than the clock can tell.
pub(super) fn after(from: Instant, time: Duration) -> Instant {
    from.checked_add(time)
        .unwrap_or_else(|| from + Duration::from_secs(365 * 24 * 3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_request_that_moves_is_waited_for() {
        let progress = SendProgress::new();
        let moving = progress.clone();
        let answer = async move {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(8)).await;
                moving.mark();
            }
            tokio::time::sleep(Duration::from_secs(8)).await;
        };
        let deadline = Instant::now() + Duration::from_secs(1000);
        let outcome = wait_for_answer(answer, &progress, SILENCE, deadline).await;
        assert_eq!(outcome, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_the_deadline_end_the_wait() {
        for (deadline, waited) in [(1000, 10), (4, 4)] {
            let start = Instant::now();
            let deadline = start + Duration::from_secs(deadline);
            let never = std::future::pending::<()>();
            let outcome = wait_for_answer(never, &SendProgress::new(), SILENCE, deadline).await;
            assert_eq!(outcome, Err(TimeoutPhase::BeforeFirstByte));
            assert_eq!(start.elapsed().as_secs(), waited);
        }
        let never = std::future::pending::<()>();
        let outcome = wait_idle(never, SILENCE, None).await;
        assert_eq!(outcome, Err(TimeoutPhase::AfterFirstByte));
    }

    #[tokio::test]
    async fn times_without_end_are_accepted() {
        assert_eq!(wait_idle(async { 1 }, Duration::MAX, None).await, Ok(1));
    }
}
