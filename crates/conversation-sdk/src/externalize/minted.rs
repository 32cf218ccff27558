//! References that a turn has made and that no state holds yet.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use media_storage::{MediaStorage, MediaStorageExt};
use media_types::StorageReference;

use crate::manager::Tasks;

/// How many references are deleted at once.
const CONCURRENT_DELETES: usize = 4;

/// References that a turn has made. They are deleted again unless the turn keeps them: also when
/// its future is dropped, by a task of the manager then.
#[derive(Debug)]
pub(crate) struct Minted {
    storage: Option<Arc<dyn MediaStorage>>,
    tasks: Tasks,
    references: Vec<StorageReference>,
}

impl Minted {
    pub(crate) fn new(storage: Option<Arc<dyn MediaStorage>>, tasks: Tasks) -> Self {
        Self {
            storage,
            tasks,
            references: Vec::new(),
        }
    }

    /// Another one, still empty, for the same store.
    pub(crate) fn fresh(&self) -> Self {
        Self::new(self.storage.clone(), self.tasks.clone())
    }

    pub(super) fn push(&mut self, reference: StorageReference) {
        self.references.push(reference);
    }

    /// Takes over what another one holds.
    pub(super) fn absorb(&mut self, mut other: Self) {
        self.references.append(&mut other.references);
    }

    /// The state holds them now.
    pub(crate) fn keep(mut self) {
        self.references.clear();
    }

    /// The state holds the ones that `is_held` tells; the rest is deleted.
    pub(crate) async fn keep_held(mut self, is_held: impl Fn(&StorageReference) -> bool) {
        self.references.retain(|reference| !is_held(reference));
        self.rollback().await;
    }

    /// Deletes them, as far as the store can; a sweep finds what is left.
    pub(crate) async fn rollback(mut self) {
        if let Some(storage) = self.storage.clone() {
            while !self.references.is_empty() {
                // They stay listed until they are gone, so that a drop in between loses none.
                let some: Vec<_> = self
                    .references
                    .iter()
                    .take(CONCURRENT_DELETES)
                    .cloned()
                    .collect();
                delete_all(&storage, &some).await;
                self.references.drain(..some.len());
            }
        }
    }
}

impl Drop for Minted {
    fn drop(&mut self) {
        if self.references.is_empty() {
            return;
        }
        if let Some(storage) = self.storage.take() {
            let references = std::mem::take(&mut self.references);
            self.tasks.spawn_detached(async move {
                delete_all(&storage, &references).await;
            });
        }
    }
}

/// Deletes references, as far as the store can.
async fn delete_all(storage: &Arc<dyn MediaStorage>, references: &[StorageReference]) {
    stream::iter(references)
        .for_each_concurrent(CONCURRENT_DELETES, |reference| async move {
            if let Err(error) = storage.delete(reference).await {
                tracing::warn!(
                    media = reference.file_name(),
                    kind = %error.kind(),
                    "media of a failed turn stays until a sweep finds it"
                );
            }
        })
        .await;
}

/// The ids of all references in messages.
pub(crate) fn held_by<'a>(
    messages: impl IntoIterator<Item = &'a crate::message::Message>,
) -> HashSet<String> {
    let mut ids = HashSet::new();
    for message in messages {
        super::references::of_message(message, &mut |reference| {
            ids.insert(reference.id().to_owned());
        });
    }
    ids
}
