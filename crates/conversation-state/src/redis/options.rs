//! Options for a Redis store.

use std::time::Duration;

use crate::clock::ClockOffset;

/// Options for a Redis store.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    pub(super) prefix: String,
    pub(super) connections: usize,
    pub(super) timeout: Duration,
    pub(super) time_to_live: Option<Duration>,
    pub(super) volatile: bool,
    pub(super) create: bool,
    pub(super) root_certificates: Option<Vec<u8>>,
    pub(super) clock_offset: ClockOffset,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            prefix: "conversation-media".to_owned(),
            connections: 4,
            timeout: Duration::from_secs(10),
            time_to_live: None,
            volatile: false,
            create: true,
            root_certificates: None,
            clock_offset: ClockOffset::new(),
        }
    }
}

impl RedisOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what all keys begin with. Defaults to `conversation-media`.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how many connections are open. Requests share them. Defaults to 4; at least 1.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets how long connecting and each request may take. Defaults to 10 s.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long after its last write a conversation expires; its media is left to reconcile.
    /// Defaults to never.
    #[must_use]
    pub fn with_time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = Some(time);
        self
    }

    /// Sets whether a server is accepted that loses conversations when it ends, or removes them when
    /// its memory is full. Defaults to `false`.
    #[must_use]
    pub fn with_volatile(mut self, accepted: bool) -> Self {
        self.volatile = accepted;
        self
    }

    /// Sets whether a place that holds no conversations yet may be used. Without it, opening one is
    /// `InvalidInput`, and nothing is written. Defaults to true.
    #[must_use]
    pub fn with_create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets the certificates that the server's certificate must lead to, in PEM. Defaults to those that
    /// the machine trusts.
    #[must_use]
    pub fn with_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Sets how far the server's clock is taken to be ahead, for tests. Defaults to zero.
    #[must_use]
    pub fn with_clock_offset(mut self, offset: ClockOffset) -> Self {
        self.clock_offset = offset;
        self
    }
}
