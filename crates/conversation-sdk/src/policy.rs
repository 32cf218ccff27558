//! Choices that a manager, a conversation or a turn can make.

use std::time::Duration;

/// Which stored media a conversation may show to its model.
///
/// The store checks it against what was stored with the media, never against the reference, so a
/// reference that a client invented or copied from elsewhere is not available.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferenceAccess {
    /// Media that was stored for this conversation.
    #[default]
    Conversation,
    /// Media that was stored for this conversation's session.
    Session,
    /// Media that was stored for this conversation's user; for its session where it has no user.
    User,
    /// Whatever the stores hold. Only where every reference comes from trusted code.
    Any,
}

/// Whether a user's message may name media that this manager did not store for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForeignMedia {
    /// References of other owners and file ids of providers are refused. Uploads and other media of
    /// the same user are copied into the conversation.
    #[default]
    Refuse,
    /// They are taken as they are: only where every message comes from trusted code.
    Allow,
}

/// What happens to a running turn when its future or its events are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnDrop {
    /// The turn is interrupted; what has arrived is kept.
    #[default]
    Cancel,
    /// The turn goes on to its end.
    Finish,
}

/// When the media of an answer is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Externalization {
    /// Before the turn ends.
    #[default]
    Immediate,
    /// After the answer is returned, where it has media: the answer comes with references that can be
    /// read as long as it is held, and [`is_storing`](crate::Response::is_storing) says so. Its text
    /// is in the state by then. The next turn waits for the storing, and so do
    /// [`flush`](crate::Conversation::flush) and a shutdown.
    ///
    /// A process that ends before loses that media: the next turn finds this one interrupted, with
    /// its text and with omitted parts in the place of the media. The state never names media that is
    /// not there. Media that tools make is stored before the next request, as always.
    Background,
}

/// What happens when a prompt lists a tool that the manager does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MissingTools {
    /// Starting the conversation fails and names the tool.
    #[default]
    Fail,
    /// The tool is left out, with a warning.
    Warn,
}

/// How often the partial answer of a running turn is written to the state.
///
/// It is written when both the interval has passed and the number of bytes has arrived since the
/// last write, so a crash loses at most what came since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    interval: Duration,
    bytes: u64,
}

impl Default for Checkpoint {
    /// 5 s and 64 KiB.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            bytes: 64 * 1024,
        }
    }
}

impl Checkpoint {
    /// Creates a checkpoint that is due after an interval and a number of bytes, whichever is
    /// later.
    pub fn new(interval: Duration, bytes: u64) -> Self {
        Self { interval, bytes }
    }

    /// Returns the shortest time between two writes.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns the least number of bytes between two writes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// A conversation whose owner died with such a lease can go on the next day.
const LONGEST_LEASE: Duration = Duration::from_secs(24 * 60 * 60);

/// The times of the lease by which one node owns a running turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    ttl: Duration,
    renew_every: Duration,
    stop_after: Duration,
    poll_every: Duration,
}

impl Default for LeaseTimes {
    /// A lease of 60 s that is renewed every 15 s; after 45 s without a renewal the owner starts
    /// nothing new. Requests to cancel are looked for every 1.5 s.
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60),
            renew_every: Duration::from_secs(15),
            stop_after: Duration::from_secs(45),
            poll_every: Duration::from_millis(1500),
        }
    }
}

impl LeaseTimes {
    /// Scales all times so that the lease lasts `ttl`, at most a day; requests to cancel are looked for
    /// at least as often as by default.
    pub fn with_ttl(ttl: Duration) -> Self {
        let (default, ttl) = (Self::default(), ttl.min(LONGEST_LEASE));
        Self {
            ttl,
            renew_every: ttl / 4,
            stop_after: ttl * 3 / 4,
            poll_every: default.poll_every.min(ttl / 8),
        }
    }

    /// Returns how long a lease lasts, by the state store's clock.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Returns how often a lease is renewed.
    pub fn renew_every(&self) -> Duration {
        self.renew_every
    }

    /// Returns how long after the last renewal the owner starts no new request and no tool.
    pub fn stop_after(&self) -> Duration {
        self.stop_after
    }

    /// Returns how often requests to cancel are looked for.
    pub fn poll_every(&self) -> Duration {
        self.poll_every
    }
}
