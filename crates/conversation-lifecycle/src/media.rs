//! Removing media of a conversation or a user from media stores.

use std::collections::BTreeSet;
use std::sync::Arc;

use conversation_state::{ConversationRecord, MediaStoreName, ReferenceKey};
use futures_util::StreamExt;
use media_storage::{DeleteOptions, Inventory, MediaStorage, Scope, StorageErrorKind};
use media_types::{ConversationId, StorageReference, UserId};

use crate::core::Core;
use crate::error::LifecycleError;
use crate::receipt::{CopiesReceipt, Obstacle, PlaceReceipt};
use crate::stores::name_of;

/// How many references are read and deleted at a time.
const PAGE: usize = 256;

/// What one pass over the media stores did.
#[derive(Debug, Default)]
pub(crate) struct Removal {
    pub(crate) places: Vec<PlaceReceipt>,
    pub(crate) copies: Vec<CopiesReceipt>,
    pub(crate) obstacles: Vec<Obstacle>,
}

impl Removal {
    /// Returns the number of references and copies that the pass found and removed.
    pub(crate) fn found(&self) -> u64 {
        let references = self.places.iter().map(|place| place.references);
        let copies = self.copies.iter().map(|place| place.copies);
        references.chain(copies).sum()
    }

    fn failed(&mut self, store: &MediaStoreName, detail: impl ToString) {
        self.obstacles.push(Obstacle::StoreFailed {
            store: store.clone(),
            detail: detail.to_string(),
        });
    }
}

/// Removes the media of a conversation from every store that it used or may have used.
///
/// # Errors
/// Those of the state store. Failures of media stores are obstacles.
pub(crate) async fn remove_of_conversation(
    core: &Core,
    record: &ConversationRecord,
) -> Result<Removal, LifecycleError> {
    let mut removal = Removal::default();
    let mut named_only = Vec::new();
    let scope = Scope::Conversation(record.id.clone());
    for name in stores_of(core, record).await? {
        let Some(store) = core.stores.named(&name) else {
            removal
                .obstacles
                .push(Obstacle::StoreMissing { store: name });
            continue;
        };
        match store.inventory() {
            Some(inventory) => {
                forget_unnamed(core, inventory, &scope).await?;
                remove_scope(inventory, &name, &scope, &mut removal).await;
            }
            None => named_only.push((name, Arc::clone(store))),
        }
    }
    for (name, store) in named_only {
        remove_named(core, &record.id, &name, &store, &mut removal).await?;
    }
    forget_copies(core, &scope, &mut removal).await;
    Ok(removal)
}

/// Removes the media of a user from every store of the manager.
///
/// # Errors
/// Those of the state store. Failures of media stores are obstacles.
pub(crate) async fn remove_of_user(core: &Core, user: &UserId) -> Result<Removal, LifecycleError> {
    let mut removal = Removal::default();
    let scope = Scope::User(user.clone());
    for store in core.stores.all() {
        let name = name_of(store);
        match store.inventory() {
            Some(inventory) => {
                forget_unnamed(core, inventory, &scope).await?;
                remove_scope(inventory, &name, &scope, &mut removal).await;
            }
            None => removal
                .obstacles
                .push(Obstacle::NoInventory { store: name }),
        }
    }
    forget_copies(core, &scope, &mut removal).await;
    Ok(removal)
}

/// Forgets which media of a scope no message named, while the store still lists it: names of media may tell
/// whose it was.
async fn forget_unnamed(
    core: &Core,
    inventory: &dyn Inventory,
    scope: &Scope,
) -> Result<(), LifecycleError> {
    let mut pages = inventory.list(scope.clone()).chunks(PAGE);
    while let Some(page) = pages.next().await {
        let entries = page.iter().flatten();
        let keys: Vec<_> = entries
            .map(|entry| ReferenceKey::from(&entry.reference))
            .collect();
        core.state.forget_unnamed(&keys).await?;
    }
    Ok(())
}

/// Has every place outside of the stores forget a scope.
async fn forget_copies(core: &Core, scope: &Scope, removal: &mut Removal) {
    for copies in &core.copies {
        let place = copies.place();
        match copies.forget(scope).await {
            Ok(report) => {
                CopiesReceipt::new(place, &report).add_to(&mut removal.copies);
                let kept = report.kept.into_iter().map(|kept| Obstacle::CopiesKept {
                    place: place.to_owned(),
                    copies: kept.copies,
                    detail: kept.reason,
                });
                removal.obstacles.extend(kept);
            }
            Err(error) => removal.obstacles.push(Obstacle::CopiesFailed {
                place: place.to_owned(),
                detail: error.to_string(),
            }),
        }
    }
}

/// The stores that the record lists, and those of this manager: media may have been stored before
/// the write that lists its store.
async fn stores_of(
    core: &Core,
    record: &ConversationRecord,
) -> Result<BTreeSet<MediaStoreName>, LifecycleError> {
    let mut names: BTreeSet<MediaStoreName> = record.media_stores.iter().cloned().collect();
    if names.is_empty() {
        // State of version 0.1 lists no stores.
        let mut after: Option<ReferenceKey> = None;
        loop {
            let keys = core
                .state
                .referenced_by(&record.id, after.as_ref(), PAGE)
                .await?;
            names.extend(keys.iter().map(store_of));
            match keys.len() < PAGE {
                true => break,
                false => after = keys.into_iter().next_back(),
            }
        }
    }
    names.extend(core.stores.all().map(name_of));
    Ok(names)
}

fn store_of(key: &ReferenceKey) -> MediaStoreName {
    MediaStoreName::new(key.backend.clone(), key.store.clone())
}

async fn remove_scope(
    inventory: &dyn Inventory,
    name: &MediaStoreName,
    scope: &Scope,
    removal: &mut Removal,
) {
    match inventory.delete_scope(scope.clone()).await {
        Ok(report) => {
            PlaceReceipt::new(name)
                .with_report(&report)
                .add_to(&mut removal.places);
            if report.held > 0 {
                removal.obstacles.push(Obstacle::OnHold {
                    store: name.clone(),
                    references: report.held,
                });
            }
            if report.failed > 0 {
                let detail = format!("{} items could not be removed", report.failed);
                removal.failed(name, detail);
            }
        }
        Err(error) => removal.failed(name, error),
    }
}

/// Removes what the state names in a store that cannot list.
async fn remove_named(
    core: &Core,
    conversation: &ConversationId,
    name: &MediaStoreName,
    store: &Arc<dyn MediaStorage>,
    removal: &mut Removal,
) -> Result<(), LifecycleError> {
    let options =
        DeleteOptions::new().with_expected_scope(Scope::Conversation(conversation.clone()));
    let mut place = PlaceReceipt::new(name);
    place.by_references = true;
    let mut held = 0;
    let mut after: Option<ReferenceKey> = None;
    loop {
        let keys = core
            .state
            .referenced_by(conversation, after.as_ref(), PAGE)
            .await?;
        let references: Vec<StorageReference> = keys
            .iter()
            .filter(|key| {
                let at = core.stores.named(&store_of(key));
                at.is_some_and(|at| Arc::ptr_eq(at, store))
            })
            .filter_map(reference_of)
            .collect();
        for result in store.delete_many(&references, options.clone()).await {
            match result.map_err(|error| (error.kind(), error)) {
                Ok(()) => place.references += 1,
                // Gone already, or another conversation's.
                Err((StorageErrorKind::NotFound | StorageErrorKind::InvalidRef, _)) => {}
                Err((StorageErrorKind::Held, _)) => held += 1,
                Err((_, error)) => removal.failed(name, error),
            }
        }
        match keys.len() < PAGE {
            true => break,
            false => after = keys.into_iter().next_back(),
        }
    }
    if held > 0 {
        removal.obstacles.push(Obstacle::OnHold {
            store: name.clone(),
            references: held,
        });
    }
    place.add_to(&mut removal.places);
    Ok(())
}

/// Returns the reference that a key names, or `None` if the key is malformed.
pub fn reference_of(key: &ReferenceKey) -> Option<StorageReference> {
    let builder = StorageReference::builder(key.backend.as_str(), key.id.as_str());
    let builder = match &key.store {
        Some(store) => builder.with_store_name(store.as_str()),
        None => builder,
    };
    builder.build().ok()
}
