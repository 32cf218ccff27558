//! What a service was given.

use std::sync::Arc;

use media_storage::MediaStorage;
use media_types::StorageReference;

use super::headers::HeaderPolicy;
use crate::clock::Clock;
use crate::link::LinkKeys;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) stores: Vec<Arc<dyn MediaStorage>>,
    pub(super) keys: LinkKeys,
    pub(super) policy: HeaderPolicy,
    pub(super) clock: Clock,
}

impl Settings {
    /// Returns the store that a reference belongs to.
    pub(super) fn store_of(&self, reference: &StorageReference) -> Option<&dyn MediaStorage> {
        self.stores
            .iter()
            .find(|store| {
                store.backend() == reference.backend() && store.name() == reference.store_name()
            })
            .map(|store| &**store)
    }
}
