//! What was fetched for a write that did not happen.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use conversation_types::Message;
use media_types::{MediaContent, StorageReference};

use super::pending::{PendingReferences, place};

/// Media that a turn has fetched for a write that did not happen, kept for its next attempt to write, which
/// then fetches nothing again. Clones share what is kept.
///
/// What no later call takes over ([`Batch::with_fetched`](super::Batch::with_fetched)) is deleted by a task
/// when the last clone is dropped.
#[derive(Clone, Debug, Default)]
pub struct FetchedMedia(Arc<Mutex<Option<PendingReferences>>>);

impl FetchedMedia {
    /// Keeps what was fetched out of references whose write certainly did not happen. The others stay, to
    /// be rolled back.
    pub fn keep_from(&self, pending: &mut PendingReferences) {
        let mut fetched = pending.take_fetched();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = kept.take() {
            fetched.absorb(earlier);
        }
        *kept = Some(fetched);
    }

    /// Gives what is kept to references that wait for a write, and returns it.
    pub(super) fn give_to(&self, pending: &mut PendingReferences) -> Vec<StorageReference> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fetched = kept.take();
        drop(kept);
        let Some(fetched) = fetched else {
            return Vec::new();
        };
        let references = fetched.references().to_vec();
        pending.absorb(fetched);
        references
    }
}

/// Returns those of some references that no message names.
pub(super) fn unnamed(
    references: Vec<StorageReference>,
    messages: &[Message],
) -> Vec<StorageReference> {
    let media = messages.iter().flat_map(Message::media);
    let named = media.filter_map(MediaContent::reference);
    let named: HashSet<_> = named.map(place).collect();
    references
        .into_iter()
        .filter(|reference| !named.contains(&place(reference)))
        .collect()
}
