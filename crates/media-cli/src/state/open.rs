//! Opening a conversation database without ever creating one by mistake.

use std::path::Path;
use std::sync::Arc;

use conversation_sdk::{
    ConversationManager, SqliteStateStore, StateError, StateErrorKind, StateStore,
};
#[cfg(feature = "postgres")]
use conversation_sdk::{PostgresOptions, PostgresStateStore};
#[cfg(feature = "redis")]
use conversation_sdk::{RedisOptions, RedisStateStore};
use media_storage::MediaStorage;

use crate::failure::{Failure, Outcome};

use super::location::StateLocation;
use super::manager::manager;

/// An open conversation database.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Sqlite(SqliteStateStore),
    #[cfg(feature = "postgres")]
    Postgres(PostgresStateStore),
    #[cfg(feature = "redis")]
    Redis(RedisStateStore),
}

impl State {
    /// Opens a database that is there.
    pub(crate) async fn open_existing(location: &StateLocation) -> Outcome<Self> {
        Self::open_with(location, false, "").await
    }

    /// Opens a database for a command that has `--create`; creates it, or its tables, where that is given.
    pub(crate) async fn open(location: &StateLocation, create: bool) -> Outcome<Self> {
        Self::open_with(location, create, "; --create makes it").await
    }

    async fn open_with(location: &StateLocation, create: bool, advice: &str) -> Outcome<Self> {
        match location {
            StateLocation::Sqlite(path) => {
                if !create && !path.is_file() {
                    return Err(Failure::failed(format!(
                        "there is no conversation database {:?}{advice}",
                        location.to_string()
                    )));
                }
                sqlite(path).await
            }
            StateLocation::Postgres(url) => postgres(url, create).await,
            StateLocation::Redis(url) => redis(url, create).await,
        }
    }

    /// Returns the store of the database.
    pub(crate) fn store(&self) -> &dyn StateStore {
        match self {
            Self::Sqlite(store) => store,
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => store,
            #[cfg(feature = "redis")]
            Self::Redis(store) => store,
        }
    }

    /// Returns a manager of the conversations in the database, whose media is in `media`. Messages may
    /// name media in files below `files`.
    pub(crate) fn manager(
        self,
        media: Arc<dyn MediaStorage>,
        files: Option<&Path>,
    ) -> Outcome<ConversationManager> {
        match self {
            Self::Sqlite(store) => manager(store, media, files),
            #[cfg(feature = "postgres")]
            Self::Postgres(store) => manager(store, media, files),
            #[cfg(feature = "redis")]
            Self::Redis(store) => manager(store, media, files),
        }
    }
}

async fn sqlite(path: &Path) -> Outcome<State> {
    let store = SqliteStateStore::open(path).await?;
    Ok(State::Sqlite(store))
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str, create: bool) -> Outcome<State> {
    let options = PostgresOptions::new().with_create(create);
    let store = PostgresStateStore::open_with(url, options).await?;
    Ok(State::Postgres(store))
}

#[cfg(not(feature = "postgres"))]
async fn postgres(_: &str, _: bool) -> Outcome<State> {
    Err(Failure::usage(
        "this build of the command has no PostgreSQL: build it with `--features postgres`",
    ))
}

#[cfg(feature = "redis")]
async fn redis(url: &str, create: bool) -> Outcome<State> {
    // What the service that writes there has accepted is not for this command to refuse.
    let options = RedisOptions::new()
        .with_create(create)
        .with_volatile(!create);
    let store = RedisStateStore::open_with(url, options).await?;
    Ok(State::Redis(store))
}

#[cfg(not(feature = "redis"))]
async fn redis(_: &str, _: bool) -> Outcome<State> {
    Err(Failure::usage(
        "this build of the command has no Redis: build it with `--features redis`",
    ))
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let message = error.to_string();
        let failure = match error.kind() {
            StateErrorKind::Corrupted => Self::data(message),
            StateErrorKind::InvalidInput => Self::usage(message),
            _ => Self::failed(message),
        };
        match std::error::Error::source(&error) {
            Some(source) => failure.because(source.to_string()),
            None => failure,
        }
    }
}
