//! Ids of messages and turns.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use media_types::{ValueError, ValueKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Longest id of a message or a turn, in bytes.
pub const MAX_MESSAGE_ID_LEN: usize = 128;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        ///
        /// Any text of 1 to 128 bytes; it is data, never a path. Cheap to clone.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Creates an id from its text.
            ///
            /// # Errors
            /// Empty text, and text of more than 128 bytes.
            pub fn new(id: impl AsRef<str>) -> Result<Self, ValueError> {
                let id = id.as_ref();
                if id.is_empty() {
                    return Err(ValueError::new(ValueKind::Id, "it is empty"));
                }
                if id.len() > MAX_MESSAGE_ID_LEN {
                    return Err(ValueError::new(ValueKind::Id, "longer than 128 bytes"));
                }
                Ok(Self(id.into()))
            }

            #[doc = concat!("Creates a new id, `", $prefix, "<uuid>`.")]
            ///
            /// The UUID is of version 7: ids that are made one after another sort one after
            /// another, so that they are neighbors in the indexes of databases. The rest of it is
            /// random.
            pub fn mint() -> Self {
                Self(format!(concat!($prefix, "{}"), Uuid::now_v7()).into())
            }

            /// Returns the text of the id.
            pub fn as_str(&self) -> &str {
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
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
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

        impl From<&Self> for $name {
            fn from(id: &Self) -> Self {
                id.clone()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// The id of a message: made before the message is first written, and never changed after.
    MessageId, "msg-"
}

id! {
    /// The id of a turn: a message of the user and everything that answers it.
    TurnId, "turn-"
}

impl MessageId {
    /// Returns the id of a message that was written before messages had ids: `m-<position>`,
    /// counted from 0.
    pub fn at_position(position: u64) -> Self {
        Self(format!("m-{position}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minted_ids_sort_by_the_order_in_which_they_were_made() {
        let ids: Vec<MessageId> = (0..1000).map(|_| MessageId::mint()).collect();
        assert!(ids.is_sorted_by(|one, next| one < next));
    }
}
