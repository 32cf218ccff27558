//! PostgreSQL's errors as ours.

use std::error::Error;
use std::fmt;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::connection::{REFUSED_LOGIN, is_lost};
use crate::error::{StateError, StateErrorKind};
use crate::failures::Failures;

/// What the server said: code and message, without the values that `DETAIL` may quote.
#[derive(Debug)]
struct ServerMessage {
    code: String,
    message: String,
}

impl fmt::Display for ServerMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server reports {}: {}", self.code, self.message)
    }
}

impl Error for ServerMessage {}

impl Failures {
    pub(super) fn pool(&self, error: PoolError) -> StateError {
        match error {
            PoolError::Backend(error) => self.database(error),
            PoolError::Closed => self.unavailable("the pool of connections was closed"),
            PoolError::Timeout(_) => self.unavailable("no connection became free in time"),
            error => self.kind(StateErrorKind::Other).with_source(error),
        }
    }

    pub(super) fn database(&self, error: tokio_postgres::Error) -> StateError {
        let Some(said) = error.as_db_error() else {
            return self.transport(error);
        };
        let failure = match said.code() {
            &SqlState::INVALID_CATALOG_NAME => self.misconfigured("the database does not exist"),
            code => match classify(code) {
                (kind, Some(detail)) => self.kind(kind).with_detail(detail),
                (kind, None) => self.kind(kind),
            },
        };
        failure.with_source(ServerMessage {
            code: said.code().code().to_owned(),
            message: said.message().to_owned(),
        })
    }

    /// A failure for which there is no message of the server.
    fn transport(&self, error: tokio_postgres::Error) -> StateError {
        let said = error.to_string();
        // The kinds of the client's errors are private; their texts are fixed.
        if said.contains("TLS") {
            let detail = match error.source() {
                None => "TLS is required, and the server does not offer it",
                Some(source) if source.to_string().contains("does not support TLS") => {
                    "TLS is required, and the server does not offer it"
                }
                Some(_) => "the TLS handshake with the server failed",
            };
            return self.misconfigured(detail).with_source(error);
        }
        if said.contains("invalid configuration") || said.contains("authentication") {
            let failure = self.kind(StateErrorKind::Permission);
            return failure
                .with_detail("the server asks for a login that the URL does not give")
                .with_source(error);
        }
        if said.contains("deserializing") || said.contains("unexpected message") {
            return self
                .damaged("a column has a value of another type")
                .with_source(error);
        }
        let detail = match said.contains("connecting") {
            true => "the server cannot be reached",
            false => "the connection was lost",
        };
        self.lost(detail, error)
    }
}

/// What a code of the server means, and a sentence where that of the kind says too little.
fn classify(code: &SqlState) -> (StateErrorKind, Option<&'static str>) {
    use StateErrorKind as Kind;
    let class = code.code().get(..2).unwrap_or_default();
    match code {
        &SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            (Kind::Permission, Some(REFUSED_LOGIN))
        }
        &SqlState::INSUFFICIENT_PRIVILEGE => (
            Kind::Permission,
            Some("the user lacks a privilege on the schema"),
        ),
        &SqlState::READ_ONLY_SQL_TRANSACTION => {
            (Kind::Permission, Some("the database is read-only"))
        }
        &SqlState::DISK_FULL => (Kind::DiskSpace, None),
        &SqlState::TOO_MANY_CONNECTIONS => (
            Kind::Unavailable,
            Some("the server accepts no more connections"),
        ),
        &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => (
            Kind::Unavailable,
            Some("the server did not finish the operation in time"),
        ),
        &SqlState::DUPLICATE_TABLE | &SqlState::DUPLICATE_OBJECT => (
            Kind::Corrupted,
            Some("the schema holds tables of something else"),
        ),
        &SqlState::UNDEFINED_TABLE
        | &SqlState::UNDEFINED_COLUMN
        | &SqlState::INVALID_SCHEMA_NAME
        | &SqlState::DATATYPE_MISMATCH
        | &SqlState::UNDEFINED_FUNCTION => (
            Kind::Corrupted,
            Some("the tables are not as this library made them"),
        ),
        &SqlState::DATA_CORRUPTED | &SqlState::INDEX_CORRUPTED => (Kind::Corrupted, None),
        _ => match class {
            // Connections, transactions that were rolled back, resources, shutdowns.
            "08" | "40" | "53" | "57" => (Kind::Unavailable, None),
            "28" => (Kind::Permission, Some("the server refused the login")),
            "54" => (Kind::TooLarge, None),
            "58" => (
                Kind::Other,
                Some("the server failed to reach its own files"),
            ),
            _ => (Kind::Other, None),
        },
    }
}

/// Whether the same transaction may succeed at once when it is repeated: its connection was lost, or it
/// was rolled back for the sake of another one.
pub(super) fn may_repeat(error: &StateError) -> bool {
    is_lost(error) || said(error).is_some_and(|said| said.code.starts_with("40"))
}

/// Whether the server takes no writes: a standby, mostly one that was the primary until a failover.
pub(super) fn is_read_only(error: &StateError) -> bool {
    let code = SqlState::READ_ONLY_SQL_TRANSACTION;
    said(error).is_some_and(|said| said.code == code.code())
}

fn said(error: &StateError) -> Option<&ServerMessage> {
    error.source()?.downcast_ref()
}

/// Whether an error only says that an earlier statement of the transaction failed.
pub(super) fn follows_another(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION)
}
