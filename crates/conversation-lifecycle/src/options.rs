//! Options of deletion and upkeep.

use std::time::Duration;

/// Options of deletion and upkeep.
///
/// ```
/// use std::time::Duration;
/// use conversation_lifecycle::LifecycleOptions;
/// let options = LifecycleOptions::new().with_background_upkeep(Some(Duration::from_secs(600)));
/// assert_eq!(options.background_upkeep(), Some(Duration::from_secs(600)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleOptions {
    lease_time: Duration,
    state_retry_time: Duration,
    externalize_history: bool,
    background_upkeep: Option<Duration>,
}

impl Default for LifecycleOptions {
    fn default() -> Self {
        Self {
            lease_time: Duration::from_secs(60),
            state_retry_time: Duration::from_secs(30),
            externalize_history: true,
            background_upkeep: None,
        }
    }
}

impl LifecycleOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long the lease of a turn lasts, by which an erasure knows how long to wait for turns
    /// of other nodes. Defaults to 60 s.
    #[must_use]
    pub fn with_lease_time(mut self, time: Duration) -> Self {
        self.lease_time = time;
        self
    }

    /// Sets how long an unclear write to the state is repeated. Defaults to 30 s.
    #[must_use]
    pub fn with_state_retry_time(mut self, time: Duration) -> Self {
        self.state_retry_time = time;
        self
    }

    /// Sets whether upkeep stores media that histories hold inline. Defaults to true.
    #[must_use]
    pub fn with_externalize_history(mut self, externalize: bool) -> Self {
        self.externalize_history = externalize;
        self
    }

    /// Sets how often upkeep runs in the background once the lifecycle is started. Defaults to
    /// `None`: only what was left unfinished is taken up.
    #[must_use]
    pub fn with_background_upkeep(mut self, interval: Option<Duration>) -> Self {
        self.background_upkeep = interval;
        self
    }

    /// Returns how long the lease of a turn lasts.
    pub fn lease_time(&self) -> Duration {
        self.lease_time
    }

    /// Returns how long an unclear write to the state is repeated.
    pub fn state_retry_time(&self) -> Duration {
        self.state_retry_time
    }

    /// Returns whether upkeep stores media that histories hold inline.
    pub fn externalize_history(&self) -> bool {
        self.externalize_history
    }

    /// Returns how often upkeep runs in the background.
    pub fn background_upkeep(&self) -> Option<Duration> {
        self.background_upkeep
    }
}
