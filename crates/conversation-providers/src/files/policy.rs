//! What is uploaded, and for how long.

use std::time::Duration;

/// What of the media is uploaded, and how long the provider is to keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePolicy {
    min_bytes: u64,
    keep_for: Duration,
    margin: Duration,
}

impl FilePolicy {
    /// Creates a policy that uploads media of at least `min_bytes` bytes.
    pub fn from_size(min_bytes: u64) -> Self {
        Self {
            min_bytes,
            keep_for: Duration::from_secs(24 * 3600),
            margin: Duration::from_secs(15 * 60),
        }
    }

    /// Sets how long the provider is to keep files, where that can be said: an hour to 30 days.
    /// Defaults to a day.
    #[must_use]
    pub fn with_keep_for(mut self, keep_for: Duration) -> Self {
        const HOUR: Duration = Duration::from_secs(3600);
        self.keep_for = keep_for.clamp(HOUR, 720 * HOUR);
        self
    }

    /// Sets how long before its end a file is no longer used. Defaults to 15 minutes.
    #[must_use]
    pub fn with_margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Returns the least size in bytes of media that is uploaded.
    pub fn min_bytes(&self) -> u64 {
        self.min_bytes
    }

    /// Returns how long the provider is to keep files.
    pub fn keep_for(&self) -> Duration {
        self.keep_for
    }

    /// Returns how long before its end a file is no longer used.
    pub fn margin(&self) -> Duration {
        self.margin
    }
}
