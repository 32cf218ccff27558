//! Opening the file: made for its owner only, checked to be ours.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::super::{StateError, StateErrorKind};
use super::failure::Failures;
use super::schema::{APPLICATION_ID, CREATE, VERSION};

/// How long an operation waits for another process.
const BUSY: Duration = Duration::from_secs(5);
/// How many prepared statements are kept.
const STATEMENTS: usize = 32;

pub(super) fn open(path: &Path) -> Result<Connection, StateError> {
    let failures = Failures::new(Some(path.to_owned()));
    make(path).map_err(|error| failures.error(kind(&error)).with_source(error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = failures.map(Connection::open_with_flags(path, flags))?;
    prepare(connection, &failures)
}

pub(super) fn in_memory() -> Result<Connection, StateError> {
    let failures = Failures::new(None);
    let connection = failures.map(Connection::open_in_memory())?;
    prepare(connection, &failures)
}

/// Makes the file where it is not there; SQLite gives the files beside it the same permissions.
fn make(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    Ok(())
}

fn kind(error: &io::Error) -> StateErrorKind {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StateErrorKind::Permission
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StateErrorKind::DiskSpace,
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::InvalidInput => StateErrorKind::Config,
        _ => StateErrorKind::Other,
    }
}

fn prepare(mut connection: Connection, failures: &Failures) -> Result<Connection, StateError> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    failures.map(connection.busy_timeout(BUSY))?;
    check(&connection, failures)?;
    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                    PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;";
    failures.map(connection.execute_batch(settings))?;
    // Several processes may open a new file at once; one of them makes the tables.
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = failures.map(begun)?;
    if version(&transaction, failures)? == 0 {
        failures.map(transaction.execute_batch(CREATE))?;
        failures.map(transaction.pragma_update(None, "application_id", APPLICATION_ID))?;
        failures.map(transaction.pragma_update(None, "user_version", VERSION))?;
    }
    failures.map(transaction.commit())?;
    Ok(connection)
}

/// Changes nothing in a file that is not ours.
fn check(connection: &Connection, failures: &Failures) -> Result<(), StateError> {
    let pragma = |name| failures.map(connection.pragma_query_value(None, name, |row| row.get(0)));
    let application: i64 = pragma("application_id")?;
    let tables: i64 =
        failures.map(
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)),
        )?;
    if application != APPLICATION_ID && (application != 0 || tables != 0) {
        return Err(failures
            .error(StateErrorKind::Corrupted)
            .with_detail("it is a SQLite file of something else"));
    }
    let version = version(connection, failures)?;
    if version > VERSION {
        return Err(failures.error(StateErrorKind::TooNew).with_detail(format!(
            "form {version}, and this version reads up to {VERSION}"
        )));
    }
    Ok(())
}

fn version(connection: &Connection, failures: &Failures) -> Result<i64, StateError> {
    failures.map(connection.pragma_query_value(None, "user_version", |row| row.get(0)))
}
