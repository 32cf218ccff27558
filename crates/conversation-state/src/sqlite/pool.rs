//! The connections: one that writes, and as many that read as are needed at once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::error::{StateError, StateErrorKind};
use crate::failures::{Failures, OPEN};
use crate::sqlite::open;
use crate::sqlite::options::SqliteOptions;

/// How many idle connections are kept for reading.
const IDLE_READERS: usize = 4;

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

fn failures(path: &Path, operation: &'static str) -> Failures {
    Failures::new(path.to_string_lossy().into(), operation)
}

impl Pool {
    pub(super) async fn open(path: PathBuf, options: SqliteOptions) -> Result<Self, StateError> {
        let path = Arc::new(path);
        let failures = failures(&path, OPEN);
        let writer = {
            let (path, options) = (Arc::clone(&path), options.clone());
            blocking(move || open::writer(&path, &options, &failures)).await?
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
        let failures = failures(&self.path, operation);
        blocking(move || run(&mut writer, &failures)).await
    }

    /// Runs a transaction that reads, beside all others. `then` goes on without the connection.
    pub(super) async fn read<T: Send + 'static, U: Send + 'static>(
        &self,
        operation: &'static str,
        run: impl FnOnce(&Transaction<'_>, &Failures) -> Result<T, StateError> + Send + 'static,
        then: impl FnOnce(T) -> U + Send + 'static,
    ) -> Result<U, StateError> {
        let failures = failures(&self.path, operation);
        let permit = Arc::clone(&self.readers.permits).acquire_owned().await;
        let permit =
            permit.map_err(|closed| failures.kind(StateErrorKind::Other).with_source(closed))?;
        let readers = Arc::clone(&self.readers);
        let (path, options) = (Arc::clone(&self.path), self.options.clone());
        blocking(move || {
            let idle = readers.idle().pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => open::reader(&path, &options, &failures)?,
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
