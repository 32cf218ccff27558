//! When a request is sent again, and after how long.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

use super::deadlines::after;
use super::settings::HttpSettings;
use crate::budget::AttemptBudget;
use crate::error::{ProviderError, ProviderErrorKind, TimeoutPhase};

/// The attempts of one call.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    settings: &'a HttpSettings,
    budget: AttemptBudget,
    deadline: Instant,
    retries: u32,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(settings: &'a HttpSettings, budget: &AttemptBudget) -> Self {
        let deadline = after(Instant::now(), settings.deadline);
        Self {
            settings,
            budget: budget.clone(),
            deadline: budget.deadline().map_or(deadline, |own| own.min(deadline)),
            retries: 0,
        }
    }

    /// Returns the moment by which every attempt ends.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Takes an attempt of the budget.
    ///
    /// # Errors
    /// `AttemptsExhausted`, or a timeout where the deadline has passed.
    pub(crate) fn begin(&self) -> Result<(), ProviderError> {
        if Instant::now() >= self.deadline {
            let kind = ProviderErrorKind::Timeout(TimeoutPhase::BeforeSending);
            return Err(self.settings.error(kind));
        }
        match self.budget.try_take() {
            true => Ok(()),
            false => Err(self.settings.error(ProviderErrorKind::AttemptsExhausted)),
        }
    }

    /// Returns whether the budget allows another attempt.
    pub(crate) fn is_left(&self) -> bool {
        self.budget.is_left() && Instant::now() < self.deadline
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The error itself, where there is to be no further attempt.
    pub(crate) async fn wait(&mut self, error: ProviderError) -> Result<(), ProviderError> {
        let Some(wait) = self.backoff(&error) else {
            return Err(error);
        };
        if !self.is_left() || after(Instant::now(), wait) >= self.deadline {
            return Err(error);
        }
        tracing::debug!(
            provider = self.settings.provider,
            kind = ?error.kind(),
            status = error.status(),
            retry = self.retries,
            wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
            "sending the request again"
        );
        if let Some(usage) = error.usage() {
            // The answer that comes in the end says nothing of this one.
            self.budget.add_abandoned(usage, error.cost());
        }
        tokio::time::sleep(wait).await;
        self.retries += 1;
        Ok(())
    }

    /// The wait before the next attempt; `None` where there is none. A request that was not carried out is
    /// sent again, and, as the official clients do, one for which a gateway gave up: what that may have
    /// cost is noted. One that nobody answered is not: its answer may be on its way, and paid.
    fn backoff(&self, error: &ProviderError) -> Option<Duration> {
        let settings = self.settings;
        let is_worth_it = match error.retry_advice() {
            Some(advice) => advice,
            None => {
                let is_lost = settings.repeats_for_gateways && is_of_gateway(error);
                (error.is_not_processed() || is_lost) && error.is_retryable()
            }
        };
        if self.retries >= settings.max_retries || !is_worth_it {
            return None;
        }
        match error.retry_after() {
            Some(asked) => (asked <= settings.max_retry_after).then_some(asked),
            None => {
                let factor = 2_u32.saturating_pow(self.retries);
                let doubled = settings.first_backoff.saturating_mul(factor);
                Some(jittered(doubled.min(settings.max_backoff)))
            }
        }
    }
}

/// Whether a gateway says that it had no answer in time, or none that it understood.
fn is_of_gateway(error: &ProviderError) -> bool {
    matches!(error.status(), Some(502 | 504))
}

/// Between three quarters of the wait and the whole, so that many clients do not come back at once.
fn jittered(wait: Duration) -> Duration {
    // The standard library's hasher is seeded at random: enough for jitter.
    let random = RandomState::new().hash_one(0_u8);
    let share = f64::from(u32::try_from(random >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    wait.mul_f64(1.0 - share / 4.0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use conversation_types::TokenUsage;

    use super::*;
    use ProviderErrorKind as K;

    fn settings() -> HttpSettings {
        HttpSettings::new("openai", "key", "https://h")
    }

    fn attempts(settings: &HttpSettings, retries: u32) -> Attempts<'_> {
        let mut attempts = Attempts::new(settings, &AttemptBudget::new(100));
        attempts.retries = retries;
        attempts
    }

    fn overloaded() -> ProviderError {
        ProviderError::new(K::Overloaded, "openai").with_status(503)
    }

    #[test]
    fn waits_double_up_to_the_limit_with_jitter() {
        let mut settings = settings();
        settings.max_retries = 9;
        for (retries, longest) in [(0, 500), (1, 1000), (2, 2000), (4, 8000), (8, 8000)] {
            for _ in 0..50 {
                let wait = attempts(&settings, retries).backoff(&overloaded()).unwrap();
                let longest = Duration::from_millis(longest);
                let shortest = longest * 3 / 4;
                assert!((shortest..=longest).contains(&wait), "{retries}: {wait:?}");
            }
        }
        assert_eq!(attempts(&settings, 9).backoff(&overloaded()), None);
    }

    #[test]
    fn the_server_may_ask_for_a_wait_as_long_as_the_official_clients_allow() {
        let asks = |seconds| overloaded().with_retry_after(Some(Duration::from_secs(seconds)));
        let mut settings = settings();
        let wait = |settings: &HttpSettings, seconds| attempts(settings, 0).backoff(&asks(seconds));
        assert_eq!(wait(&settings, 120), Some(Duration::from_secs(120)));
        assert_eq!(wait(&settings, 121), None);
        settings.max_retry_after = Duration::MAX;
        assert_eq!(wait(&settings, 500), Some(Duration::from_secs(500)));
    }

    #[test]
    fn what_was_not_carried_out_or_a_gateway_gave_up_is_sent_again() {
        let mut settings = settings();
        let sends = |settings: &HttpSettings, error: ProviderError| {
            attempts(settings, 0).backoff(&error).is_some()
        };
        let is_sent_again = |error: ProviderError| sends(&settings, error);
        let of = |kind| ProviderError::new(kind, "openai");
        assert!(is_sent_again(of(K::Connect)));
        assert!(is_sent_again(of(K::RateLimited).with_status(429)));
        assert!(is_sent_again(of(K::Server).with_status(500)));
        let timeout = K::Timeout(TimeoutPhase::BeforeFirstByte);
        for error in [
            of(timeout),
            of(K::Interrupted),
            of(K::Authentication).with_status(401),
            of(K::InvalidRequest).with_status(400),
            of(K::Quota).with_status(429),
            of(K::MediaRefused).with_status(400),
            of(K::Config),
            overloaded().with_retry_advice(Some(false)),
        ] {
            assert!(!is_sent_again(error));
        }
        // The provider knows best.
        let asks = |status| {
            of(K::Server)
                .with_status(status)
                .with_retry_advice(Some(true))
        };
        let gave_up = |status| of(K::Server).with_status(status);
        assert!(is_sent_again(asks(400)));
        for status in [502, 504] {
            assert!(is_sent_again(gave_up(status)));
            assert!(!is_sent_again(
                gave_up(status).with_retry_advice(Some(false))
            ));
        }
        settings.repeats_for_gateways = false;
        for status in [502, 504] {
            assert!(!sends(&settings, gave_up(status)));
            assert!(sends(&settings, asks(status)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_ends_the_waits() {
        let settings = settings();
        let start = Instant::now();
        let budget = AttemptBudget::new(100).with_timeout(Duration::from_secs(5));
        let mut attempts = Attempts::new(&settings, &budget);
        attempts.begin().unwrap();
        let asks = overloaded().with_retry_after(Some(Duration::from_secs(9)));
        assert!(attempts.wait(asks).await.is_err());
        assert_eq!(start.elapsed(), Duration::ZERO);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let error = attempts.begin().unwrap_err();
        assert_eq!(error.kind(), K::Timeout(TimeoutPhase::BeforeSending));
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_attempt_that_is_repeated_may_have_consumed_is_noted_in_the_budget() {
        let settings = settings();
        let budget = AttemptBudget::new(100);
        let mut attempts = Attempts::new(&settings, &budget);
        let usage = TokenUsage::new(7, 0);
        let asks = || overloaded().with_retry_advice(Some(true));
        attempts.wait(asks()).await.unwrap();
        assert_eq!(budget.take_abandoned(), None);
        attempts.wait(asks().with_usage(usage)).await.unwrap();
        assert_eq!(budget.take_abandoned(), Some((usage, None)));
        let kept = overloaded()
            .with_retry_advice(Some(false))
            .with_usage(usage);
        assert!(attempts.wait(kept).await.is_err());
        assert_eq!(budget.take_abandoned(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_attempt_begins_that_the_check_of_the_budget_refuses() {
        let settings = settings();
        let may_begin = Arc::new(AtomicBool::new(true));
        let check = Arc::clone(&may_begin);
        let budget = AttemptBudget::new(100).with_check(move || check.load(Ordering::Relaxed));
        let mut attempts = Attempts::new(&settings, &budget);
        attempts.begin().unwrap();
        may_begin.store(false, Ordering::Relaxed);
        let error = attempts.wait(overloaded()).await.unwrap_err();
        assert_eq!(error.kind(), K::Overloaded);
        let error = attempts.begin().unwrap_err();
        assert_eq!(error.kind(), K::AttemptsExhausted);
        assert_eq!(budget.remaining(), 99);
    }

    #[tokio::test(start_paused = true)]
    async fn a_used_up_budget_ends_the_retries() {
        let settings = settings();
        let budget = AttemptBudget::new(1);
        let mut attempts = Attempts::new(&settings, &budget);
        attempts.begin().unwrap();
        let error = attempts.wait(overloaded()).await.unwrap_err();
        assert_eq!(error.kind(), K::Overloaded);
        let error = attempts.begin().unwrap_err();
        assert_eq!(error.kind(), K::AttemptsExhausted);
    }
}
