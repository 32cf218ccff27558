//! Opening a conversation database without ever creating one by mistake.

use std::path::Path;

use conversation_sdk::{SqliteStateStore, StateError, StateErrorKind};

use crate::failure::{Failure, Outcome};
use crate::output::escaped;

/// Opens a database that is there.
pub(crate) async fn open_existing_state(path: &Path) -> Outcome<SqliteStateStore> {
    let shown = escaped(&path.to_string_lossy());
    if !path.is_file() {
        return Err(Failure::failed(format!(
            "there is no conversation database {shown:?}"
        )));
    }
    open(path).await
}

/// Opens a database; creates it where that is allowed.
pub(crate) async fn open_or_create_state(path: &Path, create: bool) -> Outcome<SqliteStateStore> {
    match create {
        true => open(path).await,
        false => open_existing_state(path).await,
    }
}

async fn open(path: &Path) -> Outcome<SqliteStateStore> {
    SqliteStateStore::open(path).await.map_err(Failure::from)
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let message = error.to_string();
        let failure = match error.kind() {
            StateErrorKind::Corrupted => Self::data(message),
            _ => Self::failed(message),
        };
        match std::error::Error::source(&error) {
            Some(source) => failure.because(source.to_string()),
            None => failure,
        }
    }
}
