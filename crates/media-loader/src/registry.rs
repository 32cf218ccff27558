//! The stores of a loader.

use std::sync::Arc;

use media_storage::MediaStorage;
use media_types::StorageReference;

use crate::error::{LoadError, LoadErrorKind};

#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    stores: Vec<Arc<dyn MediaStorage>>,
}

impl Registry {
    pub(crate) fn add(&mut self, store: Arc<dyn MediaStorage>) {
        let same = |other: &Arc<dyn MediaStorage>| {
            other.backend() == store.backend() && other.name() == store.name()
        };
        self.stores.retain(|other| !same(other));
        self.stores.push(store);
    }

    /// Returns the store of a reference: the one with the same backend and name. A reference without a
    /// name, as other systems write them, belongs to the store without a name, or to the only store of
    /// its backend.
    pub(crate) fn find(
        &self,
        reference: &StorageReference,
    ) -> Result<&Arc<dyn MediaStorage>, LoadError> {
        if self.stores.is_empty() {
            return Err(LoadError::new(LoadErrorKind::NoStorage).with_what(reference.id()));
        }
        let of_backend = || {
            self.stores
                .iter()
                .filter(|store| store.backend() == reference.backend())
        };
        let named = of_backend().find(|store| store.name() == reference.store_name());
        let only = || {
            let mut all = of_backend().filter(|_| reference.store_name().is_none());
            all.next().filter(|_| all.next().is_none())
        };
        named.or_else(only).ok_or_else(|| {
            let name = reference.store_name().unwrap_or("without a name");
            let what = format!("{} in {} ({name})", reference.id(), reference.backend());
            LoadError::new(LoadErrorKind::UnknownBackend).with_what(&what)
        })
    }
}
