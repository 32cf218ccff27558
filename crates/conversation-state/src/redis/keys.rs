//! Names of keys.
//!
//! All keys of a conversation have one hash tag, so that one script reaches them in a cluster; so have
//! all indexes.

use std::fmt::Write as _;
use std::sync::Arc;

/// How many keys a conversation has, its tombstone included.
pub(super) const KEYS: usize = 11;
/// The places of the keys among those that scripts get, from 1.
pub(super) const RECORD: usize = 1;
pub(super) const TURNS: usize = 2;
pub(super) const WINDOW: usize = 3;
pub(super) const FIRSTS: usize = 4;
pub(super) const MESSAGES: usize = 5;
pub(super) const PLACES: usize = 6;
pub(super) const CHUNKS: usize = 7;
pub(super) const WRITES: usize = 8;
pub(super) const PLANNER: usize = 9;
pub(super) const REFERENCES: usize = 10;
pub(super) const TOMBSTONE: usize = 11;

const NAMES: [&str; KEYS] = [
    "record",
    "turns",
    "window",
    "firsts",
    "messages",
    "places",
    "chunks",
    "writes",
    "planner",
    "refs",
    "tombstone",
];

/// Makes the names of keys. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    prefix: Arc<str>,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: encoded(prefix).into(),
        }
    }

    /// The keys of a conversation, in the order of their places.
    pub(super) fn conversation(&self, id: &str) -> [String; KEYS] {
        let (prefix, id) = (&self.prefix, encoded(id));
        NAMES.map(|name| format!("{prefix}:{{c:{id}}}:{name}"))
    }

    /// What is kept about the store.
    pub(super) fn store(&self) -> String {
        format!("{}:store", self.prefix)
    }

    /// The counter of changes.
    pub(super) fn changes(&self) -> String {
        format!("{}:{{index}}:changes", self.prefix)
    }

    /// Which indexes name a conversation, beside those that every conversation may be in.
    pub(super) fn names(&self, id: &str) -> String {
        format!("{}:{{index}}:names:{}", self.prefix, encoded(id))
    }

    /// An index in the order of creation.
    pub(super) fn created(&self, index: &str) -> String {
        format!("{}:{{index}}:created:{index}", self.prefix)
    }

    /// An index in the order of change.
    pub(super) fn changed(&self, index: &str) -> String {
        format!("{}:{{index}}:changed:{index}", self.prefix)
    }

    /// The conversation that a user created under a key.
    pub(super) fn creation(&self, user: &str, key: &str) -> String {
        format!(
            "{}:creation:{}:{}",
            self.prefix,
            encoded(user),
            encoded(key)
        )
    }

    /// The pattern of the keys under which a user, or anybody, created conversations. `user` is encoded.
    pub(super) fn creations(&self, user: Option<String>) -> String {
        let user = user.unwrap_or_else(|| "*".to_owned());
        format!("{}:creation:{user}:*", self.prefix)
    }

    /// The conversations that may refer to something.
    pub(super) fn reference(&self, name: &[u8]) -> String {
        let name = String::from_utf8_lossy(name);
        format!("{}:reference:{}", self.prefix, encoded(&name))
    }

    /// References that are remembered as unnamed.
    pub(super) fn unnamed(&self) -> String {
        format!("{}:unnamed", self.prefix)
    }

    pub(super) fn fence(&self, hash: &[u8]) -> String {
        let mut key = format!("{}:fence:", self.prefix);
        for byte in hash {
            let _ = write!(key, "{byte:02x}");
        }
        key
    }

    pub(super) fn lease(&self, name: &str) -> String {
        format!("{}:lease:{}", self.prefix, encoded(name))
    }
}

/// A name without anything that means something in keys, hash tags or terminals.
pub(super) fn encoded(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                text.push(char::from(byte));
            }
            _ => {
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}
