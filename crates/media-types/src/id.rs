//! Ids of conversations, sessions, runs and users.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{ValueError, ValueKind};

/// Largest size of an id, in bytes.
pub const MAX_ID_LEN: usize = 1024;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Any text of 1 to 1024 bytes. Stores treat it as data, never as a path. Cheap to clone.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Creates an id from text.
            ///
            /// # Errors
            /// Fails for empty text, and for text of more than 1024 bytes.
            pub fn new(id: impl AsRef<str>) -> Result<Self, ValueError> {
                let id = id.as_ref();
                if id.is_empty() {
                    return Err(ValueError::new(ValueKind::Id, "the id is empty"));
                }
                if id.len() > MAX_ID_LEN {
                    return Err(ValueError::new(ValueKind::Id, "the id is longer than 1024 bytes"));
                }
                Ok(Self(id.into()))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ValueError;
            fn from_str(s: &str) -> Result<Self, ValueError> {
                Self::new(s)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = ValueError;
            fn try_from(s: &str) -> Result<Self, ValueError> {
                Self::new(s)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ValueError;
            fn try_from(s: String) -> Result<Self, ValueError> {
                Self::new(s)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! minted {
    ($name:ident, $prefix:literal) => {
        impl $name {
            #[doc = concat!("A new id, `", $prefix, "-` and a random UUID.")]
            pub fn mint() -> Self {
                Self(format!(concat!($prefix, "-{}"), uuid::Uuid::new_v4()).into())
            }
        }
    };
}

id! {
    /// The id of a conversation.
    ConversationId
}
id! {
    /// The id of a session, which groups conversations.
    SessionId
}
id! {
    /// The id of a run, which groups the sessions of a test or a batch.
    RunId
}
id! {
    /// The id of the user that media belongs to.
    UserId
}
minted!(ConversationId, "conv");
minted!(SessionId, "session");
minted!(RunId, "run");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_within_the_limit_is_an_id() {
        for text in ["a", "..", "a/b", "\0", "caf\u{e9}", &"x".repeat(1024)] {
            assert_eq!(ConversationId::new(text).unwrap().as_str(), text);
        }
        assert!(SessionId::new("").is_err());
        assert!(UserId::new("x".repeat(1025)).is_err());
    }

    #[test]
    fn minted_ids_carry_their_prefix_and_differ() {
        let (a, b) = (ConversationId::mint(), ConversationId::mint());
        assert_ne!(a, b);
        assert!(a.as_str().starts_with("conv-") && a.as_str().len() == 5 + 36);
        assert!(SessionId::mint().as_str().starts_with("session-"));
        assert!(RunId::mint().as_str().starts_with("run-"));
    }
}
