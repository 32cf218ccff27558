//! Arguments that several commands share.

use clap::Args;
use media_storage::MediaMetadata;
use media_types::{ConversationId, RunId, SessionId, UserId};

use crate::failure::{Failure, Outcome};
use crate::store::location::Location;

/// The store that a command works on.
#[derive(Clone, Debug, Args)]
pub(crate) struct StoreArguments {
    /// Directory of the store, or s3://bucket/prefix, gs://bucket/prefix, az://container/prefix.
    ///
    /// Credentials of buckets come from the environment, by the variables that the service's own
    /// tools use.
    #[arg(value_name = "STORE")]
    pub(crate) location: Location,

    #[command(flatten)]
    pub(crate) access: AccessArguments,
}

/// How a store is reached.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AccessArguments {
    /// Name of the store in references, where it has one.
    #[arg(long, value_name = "NAME", help_heading = "Store")]
    pub(crate) store_name: Option<String>,

    /// Option of a bucket's service, such as endpoint=http://127.0.0.1:9000 or region=eu-west-1.
    ///
    /// Secrets belong into the environment: other users of the machine can read the command line.
    #[arg(
        long = "option",
        short = 'o',
        value_name = "KEY=VALUE",
        help_heading = "Store"
    )]
    options: Vec<String>,
}

impl AccessArguments {
    /// Creates the arguments of one of several stores.
    pub(crate) fn new(store_name: &Option<String>, options: &[String]) -> Self {
        Self {
            store_name: store_name.clone(),
            options: options.to_vec(),
        }
    }

    /// Returns the options of the service.
    ///
    /// Read here and not by clap, which repeats what it cannot read: it may be a secret.
    pub(crate) fn options(&self) -> Outcome<Vec<(&str, &str)>> {
        let pairs = self.options.iter().map(|text| match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key, value)),
            _ => Err(Failure::usage("--option needs KEY=VALUE")),
        });
        pairs.collect()
    }
}

/// Whose media it is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Owner {
    /// User of the media.
    #[arg(long, value_name = "ID")]
    pub(crate) user: Option<UserId>,

    /// Session of the media.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<SessionId>,

    /// Conversation of the media.
    #[arg(long, value_name = "ID")]
    pub(crate) conversation: Option<ConversationId>,

    /// Run of the media.
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<RunId>,
}

impl Owner {
    /// Returns metadata that names them.
    pub(crate) fn metadata(&self) -> MediaMetadata {
        let mut metadata = MediaMetadata::new();
        if let Some(user) = &self.user {
            metadata = metadata.with_user(user.clone());
        }
        if let Some(session) = &self.session {
            metadata = metadata.with_session(session.clone());
        }
        if let Some(conversation) = &self.conversation {
            metadata = metadata.with_conversation(conversation.clone());
        }
        if let Some(run) = &self.run {
            metadata = metadata.with_run(run.clone());
        }
        metadata
    }
}
