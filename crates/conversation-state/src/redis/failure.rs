//! Redis's errors as ours.

use std::error::Error;
use std::fmt;

use redis::{ErrorKind, RedisError};

use crate::connection::REFUSED_LOGIN;
use crate::error::{StateError, StateErrorKind};
use crate::failures::Failures;

/// What the server answers a command on a key of another type with.
pub(super) const WRONG_TYPE: &str = "WRONGTYPE";

/// The code that the server answered with. Its message may quote values.
#[derive(Debug)]
struct ServerCode(String);

impl fmt::Display for ServerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server reports {}", self.0)
    }
}

impl Error for ServerCode {}

impl Failures {
    /// A failure to connect. `tls` says whether TLS was asked for.
    pub(super) fn connecting(&self, error: &RedisError, tls: bool) -> StateError {
        match error.kind() {
            ErrorKind::InvalidClientConfig => {
                self.misconfigured("the connection is not configured correctly")
            }
            // A server without TLS waits for the rest of what it takes for a command.
            _ if error.is_timeout() && tls => self.unavailable(
                "the server did not finish the TLS handshake in time; it may offer no TLS",
            ),
            _ if error.is_timeout() => self.unavailable("the server did not answer in time"),
            _ if is_tls(error) => self.misconfigured("the TLS handshake with the server failed"),
            _ => self.lost("the server cannot be reached", error.category()),
        }
    }

    /// A failure of the first commands of a connection.
    pub(super) fn greeting(&self, error: &RedisError) -> StateError {
        match code(error).as_deref() {
            // A server that takes no more clients closes the connection, mostly before it is asked.
            None if !error.is_timeout() => self.lost(
                "the server closes connections; it may have as many clients as it takes",
                error.category(),
            ),
            Some(code @ "ERR") => self
                .misconfigured("the server refused the login or the number of the database")
                .with_source(ServerCode(code.to_owned())),
            _ => self.server(error),
        }
    }

    /// A failure of a request.
    pub(super) fn server(&self, error: &RedisError) -> StateError {
        if let Some(code) = code(error) {
            return self.answered(code);
        }
        match error.kind() {
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
                self.damaged("a key holds a value that is not of this library")
            }
            // Not begun anew: that would take as long once more.
            _ if error.is_timeout() => self.unavailable("the server did not answer in time"),
            ErrorKind::Io | ErrorKind::Client => {
                self.lost("the connection was lost", error.category())
            }
            _ => self
                .kind(StateErrorKind::Other)
                .with_detail("the client failed"),
        }
    }

    /// A failure that the server answered with.
    fn answered(&self, code: String) -> StateError {
        use StateErrorKind as Kind;
        let (kind, detail) = match code.as_str() {
            "NOAUTH" | "WRONGPASS" => (Kind::Permission, REFUSED_LOGIN),
            "OOM" => (
                Kind::DiskSpace,
                "the server has reached its maxmemory and takes no more",
            ),
            "MISCONF" => (Kind::DiskSpace, "the server cannot write its files"),
            WRONG_TYPE => (Kind::Corrupted, "a key holds a value of another type"),
            "READONLY" => (
                Kind::Permission,
                "the server is a replica that is read-only",
            ),
            "NOPERM" => (
                Kind::Permission,
                "the user lacks the permission for a command",
            ),
            "LOADING" | "TRYAGAIN" | "CLUSTERDOWN" | "MASTERDOWN" | "MOVED" | "ASK" | "BUSY"
            | "NOREPLICAS" | "NOSCRIPT" => {
                (Kind::Unavailable, "the server cannot serve requests now")
            }
            // A script that refused what it found, or failed on it.
            "ERR" | "DAMAGED" => (
                Kind::Corrupted,
                "a key holds a value that is not of this library",
            ),
            _ => (Kind::Other, "the server refused the request"),
        };
        self.kind(kind)
            .with_detail(detail)
            .with_source(ServerCode(code))
    }
}

/// Whether the server takes no writes, or has no data: a replica, mostly one that was the master until a
/// failover, or a master that a partition has cut off.
pub(super) fn is_read_only(error: &StateError) -> bool {
    let said = error.source();
    let said = said.and_then(|source| source.downcast_ref::<ServerCode>());
    said.is_some_and(|said| matches!(said.0.as_str(), "READONLY" | "MASTERDOWN" | "NOREPLICAS"))
}

/// Whether a key holds a value of another type.
pub(super) fn is_wrong_type(error: &StateError) -> bool {
    let said = error.source();
    let said = said.and_then(|source| source.downcast_ref::<ServerCode>());
    said.is_some_and(|said| said.0 == WRONG_TYPE)
}

/// The code of the first failure that the server answered with.
pub(super) fn code(error: &RedisError) -> Option<String> {
    let errors = error.clone().into_server_errors()?;
    errors.first().map(|(_, error)| error.code().to_owned())
}

fn is_tls(error: &RedisError) -> bool {
    let said = error.to_string().to_lowercase();
    ["tls", "certificate", "corrupt message", "handshake"]
        .iter()
        .any(|word| said.contains(word))
}
