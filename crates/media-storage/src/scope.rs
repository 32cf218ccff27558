//! Parts of what is stored.

use std::collections::BTreeMap;

use media_types::{ConversationId, RunId, SessionId, UserId};
use serde::Serialize;

use crate::metadata::MediaMetadata;

/// A part of the stored media: all of it, or what has an id or a tag in its metadata.
///
/// ```
/// use media_storage::{MediaMetadata, Scope};
/// let metadata = MediaMetadata::new()
///     .with_user("ann".parse()?)
///     .with_tag("purpose", "avatar");
/// let avatars = Scope::all_of([Scope::User("ann".parse()?), Scope::tag("purpose", "avatar")]);
/// assert!(avatars.contains(&metadata));
/// # Ok::<(), media_types::ValueError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scope {
    /// Everything in the store.
    All,
    /// The media of a run.
    Run(RunId),
    /// The media of a session.
    Session(SessionId),
    /// The media of a conversation.
    Conversation(ConversationId),
    /// The media of a user.
    User(UserId),
    /// The media with a tag.
    #[non_exhaustive]
    Tag {
        /// Name of the tag.
        name: String,
        /// Value of the tag.
        value: String,
    },
    /// The media that belongs to each of several scopes; of none, everything.
    AllOf(Vec<Scope>),
}

/// What a scope is decided by.
#[derive(Clone, Copy)]
pub(crate) struct Ownership<'a> {
    pub(crate) run: Option<&'a RunId>,
    pub(crate) session: Option<&'a SessionId>,
    pub(crate) conversation: Option<&'a ConversationId>,
    pub(crate) user: Option<&'a UserId>,
    pub(crate) tags: &'a BTreeMap<String, String>,
}

impl Scope {
    /// Creates the scope of the media with a tag. Stores have no index of tags, so that they read the
    /// metadata of everything in the other scopes of an [`all_of`](Self::all_of).
    pub fn tag(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Tag {
            name: name.into(),
            value: value.into(),
        }
    }

    /// Creates the scope of the media that belongs to each of several scopes.
    pub fn all_of(scopes: impl IntoIterator<Item = Self>) -> Self {
        Self::AllOf(scopes.into_iter().collect())
    }

    /// Returns the scopes of which media must belong to each, none of which is [`Scope::AllOf`].
    pub fn parts(&self) -> Vec<&Self> {
        match self {
            Self::AllOf(scopes) => scopes.iter().flat_map(Self::parts).collect(),
            scope => vec![scope],
        }
    }

    /// Whether media with this metadata belongs to the scope.
    pub fn contains(&self, metadata: &MediaMetadata) -> bool {
        self.owns(Ownership {
            run: metadata.run(),
            session: metadata.session(),
            conversation: metadata.conversation(),
            user: metadata.user(),
            tags: metadata.tags(),
        })
    }

    pub(crate) fn owns(&self, media: Ownership<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Run(id) => media.run == Some(id),
            Self::Session(id) => media.session == Some(id),
            Self::Conversation(id) => media.conversation == Some(id),
            Self::User(id) => media.user == Some(id),
            Self::Tag { name, value } => media.tags.get(name) == Some(value),
            Self::AllOf(scopes) => scopes.iter().all(|scope| scope.owns(media)),
        }
    }
}
