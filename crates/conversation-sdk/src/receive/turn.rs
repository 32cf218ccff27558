//! The media that a turn has received and not yet stored.

use std::sync::{Arc, Mutex, PoisonError};

use media_loader::MediaLoader;
use media_storage::MediaMetadata;
use media_types::{MediaContent, Mime, StorageReference};
use uuid::Uuid;

use super::budget::Budget;
use super::receiver::MediaReceiver;
use super::shelf::{BACKEND, Held, Shelf};
use super::spool::{Spool, SpoolSite};

/// For whom media is received, and which of it stays inline.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// Conversation, session, run and user.
    pub(crate) metadata: MediaMetadata,
    /// Media of fewer bytes stays inline.
    pub(crate) threshold: u64,
    /// How many bytes the turn may receive.
    pub(crate) most: u64,
    pub(crate) site: SpoolSite,
    /// How media that comes as an address is fetched.
    pub(crate) loader: MediaLoader,
}

/// The media of one turn. When it is dropped, the turn is over and its spools are gone.
#[derive(Debug)]
pub(crate) struct ReceivedMedia(Arc<Turn>);

/// What the receivers of a turn share.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) owner: Owner,
    pub(super) budget: Arc<Budget>,
    shelf: Shelf,
    /// The ids of what is held; `None` once the turn is over.
    ids: Mutex<Option<Vec<String>>>,
}

impl ReceivedMedia {
    pub(crate) fn new(shelf: &Shelf, owner: Owner) -> Self {
        Self(Arc::new(Turn {
            budget: Budget::new(owner.most),
            owner,
            shelf: shelf.clone(),
            ids: Mutex::new(Some(Vec::new())),
        }))
    }

    /// Takes media in for this turn.
    pub(crate) fn receiver(&self) -> MediaReceiver {
        MediaReceiver::of_turn(Arc::clone(&self.0))
    }

    /// The bytes behind a reference, where this turn has received them.
    pub(crate) fn spool(&self, content: &MediaContent) -> Option<Spool> {
        let reference = content.reference()?;
        let ours = |ids: &Vec<String>| ids.iter().any(|id| id == reference.id());
        if reference.backend() != BACKEND || !self.0.ids().as_ref().is_some_and(ours) {
            return None;
        }
        self.0.shelf.held(reference.id()).map(|held| held.spool)
    }
}

impl Drop for ReceivedMedia {
    fn drop(&mut self) {
        let ids = self.0.ids().take();
        self.0.shelf.remove(&ids.unwrap_or_default());
    }
}

impl Turn {
    fn ids(&self) -> std::sync::MutexGuard<'_, Option<Vec<String>>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds media until the turn is over; gives nothing when it is over already.
    pub(super) fn hold(&self, mime: &Mime, spool: Spool) -> Option<StorageReference> {
        let mut ids = self.ids();
        let ids = ids.as_mut()?;
        let id = Uuid::new_v4().to_string();
        let reference = StorageReference::builder(BACKEND, &id)
            .with_size(spool.len())
            .with_sha256(spool.sha256())
            .build()
            .ok()?;
        let held = Held {
            mime: mime.clone(),
            metadata: self.owner.metadata.clone(),
            spool,
        };
        self.shelf.insert(id.clone(), held);
        ids.push(id);
        Some(reference)
    }
}
