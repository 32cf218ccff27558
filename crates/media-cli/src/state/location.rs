//! Where a conversation database is.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::output::escaped;

/// The conversation database that a command works on.
#[derive(Clone, Debug, Args)]
pub(crate) struct StateArguments {
    /// Conversation database: a SQLite file, postgres://host/database or redis://host.
    ///
    /// A URL with a password belongs into the environment: other users of the machine can read the
    /// command line.
    #[arg(
        long,
        value_name = "DATABASE",
        env = "MEDIA_STATE",
        hide_env_values = true
    )]
    pub(crate) state: StateLocation,
}

/// A SQLite file, or a PostgreSQL database or a Redis server by its URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StateLocation {
    Sqlite(PathBuf),
    Postgres(String),
    Redis(String),
}

impl FromStr for StateLocation {
    // Whatever cannot be parsed would be repeated, and may hold a password.
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let scheme = text
            .split_once("://")
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        Ok(match scheme.as_deref() {
            Some("postgres" | "postgresql") => Self::Postgres(text.to_owned()),
            Some("redis" | "rediss") => Self::Redis(text.to_owned()),
            _ => Self::Sqlite(text.into()),
        })
    }
}

impl fmt::Display for StateLocation {
    /// Writes the place without user, password and options.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match self {
            Self::Sqlite(path) if !path.to_string_lossy().contains("://") => {
                return f.write_str(&escaped(&path.to_string_lossy()));
            }
            Self::Sqlite(path) => path.to_string_lossy(),
            Self::Postgres(url) | Self::Redis(url) => url.into(),
        };
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let (before, options) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
        let place = match options.contains('@') {
            // A password with such a character in it, or an option with an address: nobody can tell.
            true => "[hidden]",
            false => before.rsplit('@').next().unwrap_or_default(),
        };
        write!(f, "{}://{}", escaped(scheme), escaped(place))
    }
}

impl fmt::Debug for StateLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_url_are_not_shown() {
        for (text, shown) in [
            ("chats.db", "chats.db"),
            (
                "postgres://u:hush@db.example:5432/chats?sslmode=require&password=hush",
                "postgres://db.example:5432/chats",
            ),
            ("postgresql:///chats", "postgresql:///chats"),
            ("postgres://u:hu@sh@db/chats", "postgres://db/chats"),
            ("rediss://:hush@cache:6380/2", "rediss://cache:6380/2"),
            ("mysql://u:hush@db/chats", "mysql://db/chats"),
            ("mysql://u:hu#sh@db/chats", "mysql://[hidden]"),
            ("postgres://u:hu?hush@db/chats", "postgres://[hidden]"),
            ("redis://:hush@cache?x=a@hush", "redis://[hidden]"),
            ("POSTGRES://u:hush@db/chats", "POSTGRES://db/chats"),
        ] {
            let Ok(location) = text.parse::<StateLocation>();
            assert_eq!(location.to_string(), shown);
            assert!(!format!("{location:?}").contains("hu"));
        }
        let Ok(location) = "POSTGRES://db/chats".parse::<StateLocation>();
        assert!(matches!(location, StateLocation::Postgres(_)));
    }
}
