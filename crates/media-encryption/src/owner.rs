//! To whom a data key belongs.

use media_storage::MediaMetadata;
use media_types::{ConversationId, SessionId, UserId};

/// The owner of a data key: what becomes unreadable when the key is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyOwner {
    /// All media that has no owner of its own.
    Shared,
    /// A user.
    User(UserId),
    /// A conversation.
    Conversation(ConversationId),
    /// A session.
    Session(SessionId),
}

impl KeyOwner {
    /// Returns the kind of the owner, as a word that never changes.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::User(_) => "user",
            Self::Conversation(_) => "conversation",
            Self::Session(_) => "session",
        }
    }

    /// Returns the id of the owner; empty for [`KeyOwner::Shared`]. It is personal data.
    pub fn id(&self) -> &str {
        match self {
            Self::Shared => "",
            Self::User(id) => id.as_str(),
            Self::Conversation(id) => id.as_str(),
            Self::Session(id) => id.as_str(),
        }
    }
}

impl From<UserId> for KeyOwner {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl From<&UserId> for KeyOwner {
    fn from(user: &UserId) -> Self {
        Self::User(user.clone())
    }
}

/// Which id of the metadata decides about the key. Equal bytes are shared under one key only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyScope {
    /// A key for each user.
    #[default]
    User,
    /// A key for each conversation.
    Conversation,
    /// A key for each session.
    Session,
    /// One key for everything.
    Shared,
}

impl KeyScope {
    /// Returns the owner of the key for media with this metadata, or `None` if it lacks the id.
    pub(crate) fn owner(self, metadata: &MediaMetadata) -> Option<KeyOwner> {
        match self {
            Self::User => metadata.user().cloned().map(KeyOwner::User),
            Self::Conversation => metadata.conversation().cloned().map(KeyOwner::Conversation),
            Self::Session => metadata.session().cloned().map(KeyOwner::Session),
            Self::Shared => Some(KeyOwner::Shared),
        }
    }

    /// Returns the name of the id that decides.
    pub(crate) fn id_name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Conversation => "conversation",
            Self::Session => "session",
            Self::Shared => "key",
        }
    }
}
