//! The attempts that all layers of a call share.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use conversation_types::{Cost, TokenUsage};
use tokio::time::Instant;

/// Attempts of a default budget.
const DEFAULT_ATTEMPTS: u32 = 6;

/// A number of requests, and a deadline, that retries and repairs of all layers share.
///
/// A provider takes one attempt before each request that it sends. Whoever owns the budget gives
/// one back for an answer that brought the conversation forward ([`refund`](Self::refund)), so
/// that only attempts without progress count. Clones share the attempts.
///
/// ```
/// use conversation_providers::AttemptBudget;
///
/// let budget = AttemptBudget::new(2);
/// assert!(budget.try_take() && budget.try_take() && !budget.try_take());
/// budget.refund();
/// assert_eq!(budget.remaining(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct AttemptBudget {
    remaining: Arc<AtomicU32>,
    deadline: Option<Instant>,
    abandoned: Arc<Mutex<Option<Abandoned>>>,
    check: Option<Check>,
}

/// Returns whether an attempt may begin.
#[derive(Clone)]
struct Check(Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Check")
    }
}

/// What requests consumed that their callers have dropped, and what that cost.
type Abandoned = (TokenUsage, Option<Cost>);

impl AttemptBudget {
    /// Creates a budget of a number of attempts without a deadline.
    pub fn new(attempts: u32) -> Self {
        Self {
            remaining: Arc::new(AtomicU32::new(attempts)),
            deadline: None,
            abandoned: Arc::default(),
            check: None,
        }
    }

    /// Sets the moment by which every attempt ends. Defaults to none.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the deadline to a time from now; a time that no clock reaches is no deadline.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.deadline = Instant::now().checked_add(timeout);
        self
    }

    /// Sets a check before every attempt: where it returns `false`, none begins. Defaults to none.
    #[must_use]
    pub fn with_check(mut self, check: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.check = Some(Check(Arc::new(check)));
        self
    }

    /// Returns whether an attempt is left that may begin now.
    pub fn is_left(&self) -> bool {
        self.remaining() > 0 && self.may_begin()
    }

    fn may_begin(&self) -> bool {
        self.check.as_ref().is_none_or(|check| (check.0)())
    }

    /// Takes an attempt; returns whether one was left that may begin now.
    pub fn try_take(&self) -> bool {
        if !self.may_begin() {
            return false;
        }
        let less = |left: u32| left.checked_sub(1);
        self.remaining
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }

    /// Gives an attempt back: for an answer that brought the conversation forward.
    pub fn refund(&self) {
        let more = |left: u32| left.checked_add(1);
        // At the largest number there is nothing to give back.
        let _ = self
            .remaining
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Returns the number of attempts that are left.
    pub fn remaining(&self) -> u32 {
        self.remaining.load(Ordering::Relaxed)
    }

    fn abandoned(&self) -> MutexGuard<'_, Option<Abandoned>> {
        self.abandoned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a request may have consumed that was sent whole, and for whose answer nobody waits any
    /// more: its caller has dropped it, or it failed and is sent again.
    pub fn add_abandoned(&self, usage: TokenUsage, cost: Option<Cost>) {
        let mut abandoned = self.abandoned();
        *abandoned = Some(match *abandoned {
            Some((before, cost_before)) => {
                let known = cost_before.zip(cost).map(|(one, other)| one + other);
                (before + usage, known)
            }
            None => (usage, cost),
        });
    }

    /// Takes what requests may have consumed that were dropped before anything of an answer came, or that
    /// failed and were sent again, estimated, and what that cost where it is known; `None` where there
    /// were none.
    pub fn take_abandoned(&self) -> Option<(TokenUsage, Option<Cost>)> {
        self.abandoned().take()
    }

    /// Returns the moment by which every attempt ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl Default for AttemptBudget {
    /// Six attempts without a deadline.
    fn default() -> Self {
        Self::new(DEFAULT_ATTEMPTS)
    }
}
