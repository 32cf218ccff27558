//! Who asks for a conversation.

use media_types::{UserId, ValueError};

/// Who asks for a conversation: a user, or trusted code that may see any.
///
/// A conversation of another user does not exist for the one who asks: the error is `NotFound`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner(Inner);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Inner {
    User(Box<str>),
    Any,
}

impl Owner {
    /// Creates an owner that may see the conversations of one user.
    pub fn user(user: impl AsRef<str>) -> Self {
        Self(Inner::User(user.as_ref().into()))
    }

    /// Creates an owner that may see every conversation. Only for code that has checked by itself who asks.
    pub fn any() -> Self {
        Self(Inner::Any)
    }

    /// Returns the user.
    ///
    /// # Errors
    /// Text that is no user id.
    pub(crate) fn as_user(&self) -> Result<Option<UserId>, ValueError> {
        match &self.0 {
            Inner::User(user) => UserId::new(user).map(Some),
            Inner::Any => Ok(None),
        }
    }

    /// Whether this owner may see what belongs to a user, or to nobody.
    pub(crate) fn may_see(&self, user: Option<&UserId>) -> bool {
        match &self.0 {
            Inner::User(asking) => user.is_some_and(|user| user.as_str() == &**asking),
            Inner::Any => true,
        }
    }
}

impl From<&UserId> for Owner {
    fn from(user: &UserId) -> Self {
        Self::user(user)
    }
}

impl From<UserId> for Owner {
    fn from(user: UserId) -> Self {
        Self::user(&user)
    }
}
