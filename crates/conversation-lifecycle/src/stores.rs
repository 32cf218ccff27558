//! The media stores of conversations.

use std::sync::Arc;

use conversation_state::MediaStoreName;
use media_storage::MediaStorage;

/// The store that new media goes to, and others that media is read from and deleted in.
#[derive(Clone, Debug, Default)]
pub struct MediaStores {
    primary: Option<Arc<dyn MediaStorage>>,
    additional: Vec<Arc<dyn MediaStorage>>,
    /// The stores without what was put around them.
    bare: Vec<Arc<dyn MediaStorage>>,
}

impl MediaStores {
    /// Creates a group of a primary store, to which new media goes, and additional ones.
    pub fn new(
        primary: Option<Arc<dyn MediaStorage>>,
        additional: Vec<Arc<dyn MediaStorage>>,
    ) -> Self {
        let bare = primary.iter().chain(&additional).cloned().collect();
        Self {
            primary,
            additional,
            bare,
        }
    }

    /// Wraps every store, for example in one that reports to listeners. Whose media something is, is
    /// asked of the stores as they are now, so that nobody hears of media that a store does not have.
    #[must_use]
    pub fn wrapped(self, wrap: impl Fn(Arc<dyn MediaStorage>) -> Arc<dyn MediaStorage>) -> Self {
        Self {
            primary: self.primary.map(&wrap),
            additional: self.additional.into_iter().map(&wrap).collect(),
            bare: self.bare,
        }
    }

    /// Returns every store without what was put around it.
    pub(crate) fn bare(&self) -> impl Iterator<Item = &Arc<dyn MediaStorage>> {
        self.bare.iter()
    }

    /// Returns the store that new media goes to.
    pub fn primary(&self) -> Option<&Arc<dyn MediaStorage>> {
        self.primary.as_ref()
    }

    /// Returns every store, the primary one first.
    pub fn all(&self) -> impl Iterator<Item = &Arc<dyn MediaStorage>> {
        self.primary.iter().chain(&self.additional)
    }

    /// Returns the store of a name, as a record keeps it.
    pub fn named(&self, name: &MediaStoreName) -> Option<&Arc<dyn MediaStorage>> {
        let mut of_backend = self
            .all()
            .filter(|store| store.backend() == name.backend)
            .filter(|store| name.name.is_none() || store.name() == name.name.as_deref());
        of_backend.next()
    }
}

/// Returns the name under which a record keeps a store.
pub fn name_of(store: &Arc<dyn MediaStorage>) -> MediaStoreName {
    MediaStoreName::new(store.backend(), store.name().map(str::to_owned))
}
