//! The limits of a spool.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;

/// The last second that a date in a header of HTTP can name, in the year 9999.
const LAST_DATE: i64 = 253_402_300_799;

/// Options for an [`UploadSpool`](crate::UploadSpool).
#[derive(Clone, Debug)]
pub struct SpoolOptions {
    pub(super) capacity: u64,
    pub(super) uploads: usize,
    pub(super) uploads_per_user: usize,
    pub(super) finished_per_user: usize,
    pub(super) lifetime: Duration,
    pub(super) clock: Clock,
}

impl Default for SpoolOptions {
    fn default() -> Self {
        Self {
            capacity: 10 << 30,
            uploads: 10_000,
            uploads_per_user: 10,
            finished_per_user: 100,
            lifetime: Duration::from_secs(24 * 3600),
            clock: Clock::default(),
        }
    }
}

impl SpoolOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how many bytes all uploads together may take on the disk. The announced size counts from the
    /// beginning of an upload until its media is stored. Defaults to 10 GiB.
    #[must_use]
    pub fn with_capacity(mut self, bytes: u64) -> Self {
        self.capacity = bytes;
        self
    }

    /// Sets how many uploads are remembered, finished ones among them. A new upload takes the place of the
    /// oldest finished one where that is needed. Defaults to 10,000.
    #[must_use]
    pub fn with_max_uploads(mut self, uploads: usize) -> Self {
        self.uploads = uploads;
        self
    }

    /// Sets how many unfinished uploads a user may have; those without a user count as of one user. At the
    /// limit, a new upload takes the place of the user's oldest one of which no byte has arrived and that no
    /// request works on, if there is one. Defaults to 10.
    #[must_use]
    pub fn with_max_uploads_per_user(mut self, uploads: usize) -> Self {
        self.uploads_per_user = uploads;
        self
    }

    /// Sets how many finished uploads of a user are remembered, so that their results can be read; those
    /// without a user count as of one user. With each new upload of the user, the oldest above this number
    /// are forgotten; their media stays. Defaults to 100.
    #[must_use]
    pub fn with_max_finished_per_user(mut self, uploads: usize) -> Self {
        self.finished_per_user = uploads;
        self
    }

    /// Sets how long after its beginning an upload is removed, finished or not. With a lifetime beyond the year
    /// 9999, it is removed then. Defaults to 24 hours.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Sets the clock that uploads expire by. Defaults to the clock of the system.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Returns when an upload expires that begins now.
    pub(super) fn expiry(&self) -> DateTime<Utc> {
        let last = DateTime::from_timestamp(LAST_DATE, 0).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let lifetime = TimeDelta::from_std(self.lifetime).unwrap_or(TimeDelta::MAX);
        let expiry = self.clock.now().checked_add_signed(lifetime);
        expiry.map_or(last, |expiry| expiry.min(last))
    }
}
