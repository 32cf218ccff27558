//! When to try again, and how long to wait.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use crate::provider::{ProviderError, ProviderErrorKind};

/// Bounded retries with exponential backoff and jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// Attempts after the first.
    pub(crate) max_retries: u32,
    /// The wait before the first retry; it doubles from there.
    pub(crate) base: Duration,
    /// The longest wait of our own choice.
    pub(crate) cap: Duration,
    /// The longest wait that a server may ask for; a longer one ends the retries.
    pub(crate) max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 2,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(8),
            max_retry_after: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// How long to wait before retry number `retry` (from 0); `None` to give up.
    pub(crate) fn wait(&self, retry: u32, error: &ProviderError) -> Option<Duration> {
        if retry >= self.max_retries || !error.is_retryable() {
            return None;
        }
        match error.retry_after() {
            Some(asked) => (asked <= self.max_retry_after).then_some(asked),
            None => {
                let doubled = self.base.saturating_mul(2_u32.saturating_pow(retry));
                Some(jittered(doubled.min(self.cap)))
            }
        }
    }

    /// Starts a call whose attempts must all end before the deadline.
    pub(crate) fn start(self, provider: &'static str, deadline: Duration) -> Attempts {
        Attempts {
            policy: self,
            provider,
            deadline: after(deadline),
            retry: 0,
        }
    }
}

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: RetryPolicy,
    provider: &'static str,
    deadline: Instant,
    retry: u32,
}

impl Attempts {
    /// Runs one attempt, cut off at its timeout and at the deadline of the call.
    pub(crate) async fn run<T, E: From<ProviderError>>(
        &self,
        timeout: Duration,
        attempt: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let until = self.deadline.min(after(timeout));
        match tokio::time::timeout_at(until, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Err(ProviderError::new(ProviderErrorKind::Timeout, self.provider).into()),
        }
    }

    /// Waits before the next attempt, or gives the error back when there is to be none.
    pub(crate) async fn again(&mut self, error: ProviderError) -> Result<(), ProviderError> {
        match self.policy.wait(self.retry, &error) {
            Some(wait) if after(wait) < self.deadline => {
                let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                tracing::debug!(
                    provider = self.provider,
                    kind = ?error.kind(),
                    status = error.status(),
                    retry = self.retry,
                    wait_ms,
                    "trying again"
                );
                tokio::time::sleep(wait).await;
                self.retry += 1;
                Ok(())
            }
            _ => Err(error),
        }
    }
}

/// The moment after so much time from now; in a year where that is later than the clock can tell.
fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time)
        .unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600))
}

/// Between half of the wait and the whole, so that many clients do not come back at once.
fn jittered(wait: Duration) -> Duration {
    // The standard library's hasher is seeded at random: enough for jitter.
    let random = RandomState::new().hash_one(0_u8);
    let share = f64::from(u32::try_from(random >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    wait.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ProviderErrorKind) -> ProviderError {
        ProviderError::new(kind, "openai")
    }

    #[test]
    fn waits_double_up_to_the_cap_with_jitter() {
        let policy = RetryPolicy {
            max_retries: 9,
            ..RetryPolicy::default()
        };
        for (retry, longest) in [(0, 500), (1, 1000), (2, 2000), (4, 8000), (8, 8000)] {
            for _ in 0..50 {
                let wait = policy
                    .wait(retry, &error(ProviderErrorKind::Server))
                    .unwrap();
                let longest = Duration::from_millis(longest);
                assert!(wait <= longest && wait >= longest / 2, "{retry}: {wait:?}");
            }
        }
        assert_eq!(policy.wait(9, &error(ProviderErrorKind::Server)), None);
    }

    #[test]
    fn the_server_may_ask_for_a_bounded_wait() {
        let policy = RetryPolicy::default();
        let asks = |seconds| {
            error(ProviderErrorKind::RateLimited)
                .with_retry_after(Some(Duration::from_secs(seconds)))
        };
        assert_eq!(policy.wait(0, &asks(60)), Some(Duration::from_secs(60)));
        assert_eq!(policy.wait(0, &asks(61)), None);
    }

    #[test]
    fn what_cannot_succeed_is_not_tried_again() {
        let policy = RetryPolicy::default();
        for kind in [
            ProviderErrorKind::Authentication,
            ProviderErrorKind::InvalidRequest,
            ProviderErrorKind::Quota,
            ProviderErrorKind::MediaRefused,
            ProviderErrorKind::Config,
        ] {
            assert_eq!(policy.wait(0, &error(kind)), None, "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_attempts_and_waits() {
        let start = Instant::now();
        let mut attempts = RetryPolicy::default().start("openai", Duration::from_secs(5));
        let mut count = 0;
        let last = loop {
            count += 1;
            let silent = std::future::pending::<Result<(), ProviderError>>();
            let error = attempts
                .run(Duration::from_secs(4), silent)
                .await
                .unwrap_err();
            if let Err(error) = attempts.again(error).await {
                break error;
            }
        };
        assert_eq!(last.kind(), ProviderErrorKind::Timeout);
        assert_eq!(count, 2);
        assert!(start.elapsed() <= Duration::from_secs(5));
    }

    #[tokio::test]
    async fn times_without_end_are_taken() {
        let attempts = RetryPolicy::default().start("openai", Duration::MAX);
        let done = async { Ok::<_, ProviderError>(1) };
        assert_eq!(attempts.run(Duration::MAX, done).await.unwrap(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_wait_that_the_server_asks_for_does_not_pass_the_deadline() {
        let start = Instant::now();
        let mut attempts = RetryPolicy::default().start("openai", Duration::from_secs(5));
        let asks =
            error(ProviderErrorKind::RateLimited).with_retry_after(Some(Duration::from_secs(9)));
        assert!(attempts.again(asks).await.is_err());
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}
