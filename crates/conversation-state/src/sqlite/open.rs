//! Opening the file: made for its owner only, checked to be ours, and brought to the present form.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use crate::error::{StateError, StateErrorKind};
use crate::failures::Failures;
use crate::id::StoreId;
use crate::sqlite::migrate;
use crate::sqlite::options::SqliteOptions;
use crate::sqlite::schema::{APPLICATION_ID, CREATE, VERSION};

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 64;
/// How long opening goes on while others make or migrate the file.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest pause between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// One at a time makes files: closing a file ends all locks that the process holds on it, also
/// those of a connection that another thread has opened in the meantime.
static MAKING: Mutex<()> = Mutex::new(());

/// Opens the connection that writes. Makes, checks and migrates the file.
pub(super) fn writer(
    path: &Path,
    options: &SqliteOptions,
    failures: &Failures,
) -> Result<Connection, StateError> {
    make(path, failures)?;
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(1);
    loop {
        // Changing the journal mode does not wait for others however long the timeout is, and
        // neither does the recovery of a log that the last user removes.
        match attempt(path, options, failures) {
            Err(error) if error.is_retryable() && Instant::now() < deadline => {
                thread::sleep(pause);
                pause = (pause * 2).min(PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// Opens a connection that reads, of a file that is open for writing.
pub(super) fn reader(
    path: &Path,
    options: &SqliteOptions,
    failures: &Failures,
) -> Result<Connection, StateError> {
    let connection = connect(path, options, failures)?;
    // Not a read-only file: readers take part in the recovery of the log.
    failures.map(connection.pragma_update(None, "query_only", true))?;
    Ok(connection)
}

fn connect(
    path: &Path,
    options: &SqliteOptions,
    failures: &Failures,
) -> Result<Connection, StateError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = failures.map(Connection::open_with_flags(path, flags))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    failures.map(connection.busy_timeout(options.busy_timeout))?;
    #[cfg(feature = "measure")]
    let connection = counted(connection, options, failures)?;
    Ok(connection)
}

#[cfg(feature = "measure")]
fn counted(
    mut connection: Connection,
    options: &SqliteOptions,
    failures: &Failures,
) -> Result<Connection, StateError> {
    if let Some(counter) = options.step_counter.clone() {
        let count = move || {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            false
        };
        failures.map(connection.progress_handler(1, Some(count)))?;
    }
    Ok(connection)
}

/// Makes the file where it is missing; SQLite gives the files beside it the same permissions.
fn make(path: &Path, failures: &Failures) -> Result<(), StateError> {
    let _one = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    // A file that exists is not opened: see `MAKING`.
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => return Ok(()),
        Ok(_) => {
            return Err(failures
                .kind(StateErrorKind::InvalidInput)
                .with_detail("it is not a regular file"));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(error, failures)),
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(refused(error, failures)),
    }
}

fn refused(error: io::Error, failures: &Failures) -> StateError {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StateErrorKind::Permission
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StateErrorKind::DiskSpace,
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidFilename
        | io::ErrorKind::InvalidInput => StateErrorKind::InvalidInput,
        _ => StateErrorKind::Other,
    };
    let failure = failures.kind(kind);
    match error.kind() {
        io::ErrorKind::NotFound => failure
            .with_detail("its directory does not exist")
            .with_source(error),
        _ => failure.with_source(error),
    }
}

fn attempt(
    path: &Path,
    options: &SqliteOptions,
    failures: &Failures,
) -> Result<Connection, StateError> {
    let mut connection = connect(path, options, failures)?;
    let version = check(&mut connection, failures)?;
    let mode: String =
        failures.map(connection.pragma_query_value(None, "journal_mode", |row| row.get(0)))?;
    if mode != "wal" {
        failures.map(connection.pragma_update_and_check(
            None,
            "journal_mode",
            "wal",
            |_| Ok(()),
        ))?;
    }
    let settings = "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;";
    failures.map(connection.execute_batch(settings))?;
    if version < VERSION {
        bring_up(&mut connection, options, failures)?;
    }
    Ok(connection)
}

/// Returns the version of the file. Changes nothing in one that is not ours.
fn check(connection: &mut Connection, failures: &Failures) -> Result<i64, StateError> {
    // One transaction: what is read belongs together also while somebody makes the tables.
    let begun = connection.transaction_with_behavior(TransactionBehavior::Deferred);
    let transaction = failures.map(begun)?;
    let tables: i64 =
        failures.map(
            transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)),
        )?;
    let application = pragma(&transaction, "application_id", failures)?;
    if application != APPLICATION_ID && (application != 0 || tables != 0) {
        return Err(failures.damaged("it is the SQLite file of another program"));
    }
    let version = pragma(&transaction, "user_version", failures)?;
    if version > VERSION {
        return Err(failures.kind(StateErrorKind::TooNew).with_detail(format!(
            "schema version {version}, this build supports up to {VERSION}"
        )));
    }
    Ok(version)
}

fn pragma(connection: &Connection, name: &str, failures: &Failures) -> Result<i64, StateError> {
    failures.map(connection.pragma_query_value(None, name, |row| row.get(0)))
}

/// Makes or migrates the tables, unless another process has done it in the meantime.
fn bring_up(
    connection: &mut Connection,
    options: &SqliteOptions,
    failures: &Failures,
) -> Result<(), StateError> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = failures.map(begun)?;
    match pragma(&transaction, "user_version", failures)? {
        0 => failures.map(transaction.execute_batch(CREATE))?,
        1 => migrate::from_1(&transaction, failures)?,
        _ => return Ok(()),
    }
    failures.map(transaction.execute(
        "INSERT OR IGNORE INTO store (one, id, created_at, changes) VALUES (1, ?1, ?2, 0)",
        params![
            StoreId::mint().as_bytes(),
            options.clock.now().timestamp_millis()
        ],
    ))?;
    failures.map(transaction.pragma_update(None, "application_id", APPLICATION_ID))?;
    failures.map(transaction.pragma_update(None, "user_version", VERSION))?;
    failures.map(transaction.commit())
}
