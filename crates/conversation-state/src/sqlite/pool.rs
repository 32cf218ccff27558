//! The connections: one that writes, and as many that read as are needed at once.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::error::{StateError, StateErrorKind};
use crate::sqlite::failure::Failures;
use crate::sqlite::open;

/// How many idle connections are kept for reading.
const IDLE_READERS: usize = 4;

/// Options for a SQLite store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// How long a write waits for a write of another process.
    pub busy_timeout: Duration,
    /// How many conversations are read at once.
    pub max_readers: usize,
    /// The clock.
    pub clock: Clock,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            busy_timeout: Duration::from_secs(10),
            max_readers: 16,
            clock: Clock::system(),
        }
    }
}

impl SqliteOptions {
    /// Creates the default options.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how long a write waits for a write of another process. Defaults to 10 s.
    #[must_use]
    pub fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Sets how many conversations are read at once. Defaults to 16; at least 1.
    #[must_use]
    pub fn with_max_readers(mut self, readers: usize) -> Self {
        self.max_readers = readers;
        self
    }

    /// Sets the clock. Defaults to the system's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }
}

/// Connections to one file.
pub(super) struct Pool {
    path: Arc<PathBuf>,
    options: SqliteOptions,
    writer: Arc<tokio::sync::Mutex<Connection>>,
    readers: Arc<Readers>,
}

struct Readers {
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    pub(super) async fn open(path: PathBuf, options: SqliteOptions) -> Result<Self, StateError> {
        let path = Arc::new(path);
        let failures = Failures::new(Arc::clone(&path), "open conversation database");
        let (busy, clock) = (options.busy_timeout, options.clock.clone());
        let writer = {
            let path = Arc::clone(&path);
            blocking(move || open::writer(&path, busy, &clock, &failures)).await?
        };
        Ok(Self {
            writer: Arc::new(tokio::sync::Mutex::new(writer)),
            readers: Arc::new(Readers {
                permits: Arc::new(Semaphore::new(options.max_readers.max(1))),
                idle: Mutex::default(),
            }),
            path,
            options,
        })
    }

    pub(super) fn path(&self) -> &Arc<PathBuf> {
        &self.path
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.options.clock
    }

    /// Runs a transaction that writes. It ends also when the caller's future is dropped.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&Transaction<'_>, &Failures) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        self.with_writer(operation, move |connection, failures| {
            // Immediate: the version that is read is the version that is written upon.
            let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = failures.map(begun)?;
            let done = run(&transaction, failures)?;
            failures.map(transaction.commit())?;
            Ok(done)
        })
        .await
    }

    /// Runs something with the connection that writes.
    pub(super) async fn with_writer<T: Send + 'static>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&mut Connection, &Failures) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let failures = Failures::new(Arc::clone(&self.path), operation);
        blocking(move || run(&mut writer, &failures)).await
    }

    /// Runs a transaction that reads, beside all others. `then` goes on without the connection.
    pub(super) async fn read<T: Send + 'static, U: Send + 'static>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&Transaction<'_>, &Failures) -> Result<T, StateError> + Send + 'static,
        then: impl FnOnce(T) -> U + Send + 'static,
    ) -> Result<U, StateError> {
        let failures = Failures::new(Arc::clone(&self.path), operation);
        let permit = Arc::clone(&self.readers.permits).acquire_owned().await;
        let permit =
            permit.map_err(|closed| failures.kind(StateErrorKind::Other).with_source(closed))?;
        let readers = Arc::clone(&self.readers);
        let (path, busy) = (Arc::clone(&self.path), self.options.busy_timeout);
        blocking(move || {
            let idle = readers.idle().pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => open::reader(&path, busy, &failures)?,
            };
            let begun = connection.transaction_with_behavior(TransactionBehavior::Deferred);
            let transaction = failures.map(begun)?;
            let read = run(&transaction, &failures)?;
            failures.map(transaction.commit())?;
            let mut idle = readers.idle();
            if idle.len() < IDLE_READERS {
                idle.push(connection);
            }
            drop((idle, permit));
            Ok(then(read))
        })
        .await
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, StateError> + Send + 'static,
) -> Result<T, StateError> {
    match tokio::task::spawn_blocking(run).await {
        Ok(result) => result,
        Err(error) => {
            let failure = StateError::new(StateErrorKind::Other, "run a database operation");
            Err(failure.with_source(error))
        }
    }
}
