//! What a journal says about one erasure.

use chrono::{DateTime, Utc};
use media_storage::{MediaMetadata, Scope};
use serde::{Deserialize, Serialize};

use crate::key::ErasureKey;

/// One erasure: all media of a scope that was stored up to a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErasureRecord {
    /// When it was begun.
    pub at: DateTime<Utc>,
    /// The parts of the scope; the media belongs to each of them. Everything, if there are none.
    pub scope: Vec<ErasedScope>,
    /// Which key made the HMACs: 16 hexadecimal digits that say nothing else of it. A record may
    /// come without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A part of a scope that names nobody.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ErasedScope {
    /// Kind of the id: `user`, `conversation`, `session`, `run` or `tag`.
    pub kind: String,
    /// HMAC of the id, as 64 hexadecimal digits.
    pub hmac: String,
}

impl ErasureRecord {
    /// Creates the record of an erasure, or `None` for a kind of scope that this version does not know.
    pub fn new(scope: &Scope, at: DateTime<Utc>, key: &ErasureKey) -> Option<Self> {
        let mut parts = Vec::new();
        for part in scope.parts() {
            let (kind, id) = match part {
                Scope::All => continue,
                Scope::Run(id) => ("run", id.as_str().to_owned()),
                Scope::Session(id) => ("session", id.as_str().to_owned()),
                Scope::Conversation(id) => ("conversation", id.as_str().to_owned()),
                Scope::User(id) => ("user", id.as_str().to_owned()),
                Scope::Tag { name, value, .. } => ("tag", tag(name, value)),
                _ => return None,
            };
            parts.push(ErasedScope::new(kind, &id, key));
        }
        Some(Self {
            at,
            scope: parts,
            key: Some(key.id()),
        })
    }

    /// Whether the HMACs are known to be those of another key.
    pub(crate) fn is_of_other_key(&self, id: &str) -> bool {
        !self.scope.is_empty() && self.key.as_deref().is_some_and(|key| key != id)
    }

    /// Whether the erasure is of media with these names, stored at a time.
    pub(crate) fn covers(&self, names: &[ErasedScope], stored_at: DateTime<Utc>) -> bool {
        stored_at <= self.at && self.scope.iter().all(|part| names.contains(part))
    }
}

impl ErasedScope {
    fn new(kind: &'static str, id: &str, key: &ErasureKey) -> Self {
        Self {
            kind: kind.to_owned(),
            hmac: key.name(kind, id),
        }
    }

    /// Returns the names of media with this metadata.
    pub(crate) fn of(metadata: &MediaMetadata, key: &ErasureKey) -> Vec<Self> {
        let ids = [
            ("run", metadata.run().map(|id| id.as_str())),
            ("session", metadata.session().map(|id| id.as_str())),
            (
                "conversation",
                metadata.conversation().map(|id| id.as_str()),
            ),
            ("user", metadata.user().map(|id| id.as_str())),
        ];
        let ids = ids
            .into_iter()
            .filter_map(|(kind, id)| Some(Self::new(kind, id?, key)));
        let tags = metadata.tags().iter();
        let tags = tags.map(|(name, value)| Self::new("tag", &tag(name, value), key));
        ids.chain(tags).collect()
    }
}

/// Returns name and value of a tag as one text; no two tags have the same.
fn tag(name: &str, value: &str) -> String {
    format!("{}:{name}{value}", name.len())
}
