//! What the commands on histories have in common: key, scope, store.

use std::path::PathBuf;

use clap::Args;
use media_history::{History, HistoryError, HistoryErrorKind, HistoryKey};
use media_storage::{Relocated, Scope};

use crate::failure::{Failure, Outcome};
use crate::output::escaped;
use crate::store::{OpenStore, Owner};

/// The environment variable that holds the key.
const KEY_VARIABLE: &str = "MEDIA_HISTORY_KEY";

/// Whose histories, and with which key.
#[derive(Clone, Debug, Args)]
pub(crate) struct TrustArguments {
    /// File that holds the key under which placeholders are signed; at least 16 bytes, a line
    /// break at the end is left out. Defaults to the environment variable MEDIA_HISTORY_KEY.
    #[arg(long, value_name = "FILE", help_heading = "Trust")]
    key_file: Option<PathBuf>,

    /// File that holds an earlier key, under which placeholders are still read.
    #[arg(long, value_name = "FILE", help_heading = "Trust")]
    retired_key_file: Vec<PathBuf>,

    /// Where the media was when the histories were written, if the store is a copy of another kind or
    /// name: `file`, or `file:NAME` for a store with a name.
    #[arg(long, value_name = "BACKEND[:NAME]", help_heading = "Store")]
    moved_from: Vec<String>,

    #[command(flatten)]
    pub(crate) owner: Owner,

    /// The histories belong to nobody in particular: whoever has the text may restore it.
    #[arg(long, help_heading = "Trust")]
    unscoped: bool,
}

impl TrustArguments {
    /// Creates what reads and writes histories of this scope.
    pub(crate) fn history(&self, store: &OpenStore) -> Outcome<History> {
        let mut key = HistoryKey::new(self.secret()?).map_err(failure)?;
        for path in &self.retired_key_file {
            key = key.with_retired(read_secret(path)?).map_err(failure)?;
        }
        let mut history = History::new(&store.handle(), key).with_metadata(self.owner.metadata());
        for old in &self.moved_from {
            let (backend, name) = match old.split_once(':') {
                Some((backend, name)) => (backend, Some(name)),
                None => (old.as_str(), None),
            };
            let moved = Relocated::new(store.handle(), backend);
            history = history.with_store(&match name {
                Some(name) => moved.with_name(name),
                None => moved,
            });
        }
        Ok(match scope_of(&self.owner, self.unscoped)? {
            Some(scope) => history.with_scope(scope),
            None => history.unscoped(),
        })
    }

    fn secret(&self) -> Outcome<Vec<u8>> {
        if let Some(path) = &self.key_file {
            return read_secret(path);
        }
        match std::env::var_os(KEY_VARIABLE) {
            Some(secret) if !secret.is_empty() => Ok(secret.into_encoded_bytes()),
            _ => Err(Failure::usage(format!(
                "a key is needed: --key-file or {KEY_VARIABLE}"
            ))),
        }
    }
}

/// The scope of histories: the user where one is given, else the widest group that is; `None` for
/// histories of nobody in particular, which has to be said.
fn scope_of(owner: &Owner, unscoped: bool) -> Outcome<Option<Scope>> {
    let Owner {
        user,
        session,
        conversation,
        run,
    } = owner;
    let scope = if let Some(user) = user {
        Some(Scope::User(user.clone()))
    } else if let Some(run) = run {
        Some(Scope::Run(run.clone()))
    } else if let Some(session) = session {
        Some(Scope::Session(session.clone()))
    } else {
        conversation.clone().map(Scope::Conversation)
    };
    match (scope, unscoped) {
        (_, true) => Ok(None),
        (Some(scope), false) => Ok(Some(scope)),
        (None, false) => Err(Failure::usage(
            "whose histories are they? give --user, --run, --session or --conversation, or \
             --unscoped",
        )),
    }
}

fn read_secret(path: &std::path::Path) -> Outcome<Vec<u8>> {
    let mut secret = std::fs::read(path).map_err(Failure::io("read the key in", path))?;
    while secret
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        secret.pop();
    }
    Ok(secret)
}

/// Turns an error of a history into one of the command: what is wrong with the text or the media
/// is the data's fault.
pub(crate) fn failure(error: HistoryError) -> Failure {
    let message = error.to_string();
    let failure = match error.kind() {
        HistoryErrorKind::Config => Failure::usage(message),
        HistoryErrorKind::Missing | HistoryErrorKind::Corrupted | HistoryErrorKind::Changed => {
            Failure::data(message)
        }
        _ => Failure::failed(message),
    };
    match std::error::Error::source(&error) {
        Some(source) => failure.because(source.to_string()),
        None => failure,
    }
}

/// A path as it is shown.
pub(crate) fn shown(path: &std::path::Path) -> String {
    escaped(&path.to_string_lossy())
}
