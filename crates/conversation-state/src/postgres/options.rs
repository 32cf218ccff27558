//! Options for a PostgreSQL store.

use std::time::Duration;

use crate::clock::ClockOffset;

/// Options for a PostgreSQL store.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    pub(super) schema: String,
    pub(super) create: bool,
    pub(super) max_connections: usize,
    pub(super) acquire_timeout: Duration,
    pub(super) operation_timeout: Duration,
    pub(super) root_certificates: Option<Vec<u8>>,
    pub(super) clock_offset: ClockOffset,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            schema: "conversation_media".to_owned(),
            create: true,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(10),
            operation_timeout: Duration::from_secs(30),
            root_certificates: None,
            clock_offset: ClockOffset::new(),
        }
    }
}

impl PostgresOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name of the schema that holds the tables: a letter or `_`, then at most 62 letters,
    /// digits and `_`, all in lower case. Defaults to `conversation_media`.
    #[must_use]
    pub fn with_schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// Sets whether the schema and its tables are made where they are missing. Without it, opening a
    /// database that has none is `InvalidInput`. Defaults to true.
    #[must_use]
    pub fn with_create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets how many connections are open at once, where the store makes its own pool. Defaults to
    /// 10; at least 1.
    #[must_use]
    pub fn with_max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// Sets how long an operation waits for a free connection, connecting included. Defaults to
    /// 10 s.
    #[must_use]
    pub fn with_acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// Sets how long an operation may take once it has a connection, waiting for other writers
    /// included. Defaults to 30 s.
    #[must_use]
    pub fn with_operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = timeout;
        self
    }

    /// Sets the certificates that the server's certificate must lead to, in PEM, where the store makes
    /// its own pool. Defaults to those that the machine trusts.
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
