//! Names of stored media.

use media_types::StorageReference;
use serde::{Deserialize, Serialize};

/// What names stored media: backend, store and id. Size, hash and metadata do not matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReferenceKey {
    /// The backend: `file`, `s3`.
    pub backend: String,
    /// The name of the store, where several of the backend are in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// The id in the store.
    pub id: String,
}

impl ReferenceKey {
    /// Creates the name of stored media.
    pub fn new(backend: impl Into<String>, store: Option<String>, id: impl Into<String>) -> Self {
        Self {
            backend: backend.into(),
            store,
            id: id.into(),
        }
    }
}

impl From<&StorageReference> for ReferenceKey {
    fn from(reference: &StorageReference) -> Self {
        Self::new(
            reference.backend(),
            reference.store_name().map(str::to_owned),
            reference.id(),
        )
    }
}
