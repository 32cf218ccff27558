//! Where the renditions of an original are.
//!
//! A store that imports media under given ids keeps them in slots whose ids follow from that of the original:
//! they are found and deleted without an index or a listing, in every process. Other stores are asked for
//! what has the tag.

use futures_util::stream::{StreamExt, TryStreamExt};
use media_storage::layout::{MediaToken, parse_media_key};
use media_storage::{
    MediaMetadata, MediaStorage, RetrieveOptions, Scope, StorageError, StorageErrorKind,
};
use media_types::StorageReference;

use super::child::{Child, PARENT_TAG, parent_of};

/// Largest number of renditions of an original that are kept. More are made, but not stored.
pub const MAX_RENDITIONS: usize = 4;

/// How the names of slots begin, and end.
const SLOT_START: &str = "000000-";
const SLOT_END: &str = ".img";

/// Returns whether a reference may be that of a rendition, as far as its name says. Media of a store without
/// slots may be a rendition whatever its name.
pub(super) fn may_be_rendition<S: MediaStorage>(store: &S, reference: &StorageReference) -> bool {
    match parse_media_key(reference.id()) {
        Some((_, file)) if store.importer().is_some() => {
            let name = file.as_str();
            name.starts_with(SLOT_START) && name.ends_with(SLOT_END)
        }
        _ => true,
    }
}

/// Returns the references of the slots, or nothing for a store that cannot use them. The extension is part of
/// the name only because names have one.
pub(super) fn slots<S: MediaStorage>(store: &S, parent: &str) -> Vec<StorageReference> {
    let Some((directories, file)) = parse_media_key(parent) else {
        return Vec::new();
    };
    if store.importer().is_none() {
        return Vec::new();
    }
    let directories: String = directories.iter().map(|name| format!("{name}/")).collect();
    let slot = |number: usize| {
        let seed = format!("rendition\0{number}\0{}", file.as_str());
        let id = format!(
            "{directories}{SLOT_START}{}{SLOT_END}",
            MediaToken::derive(seed.as_bytes())
        );
        let builder = StorageReference::builder(store.backend(), id);
        let builder = match store.name() {
            Some(name) => builder.with_store_name(name),
            None => builder,
        };
        builder.build().ok()
    };
    (0..MAX_RENDITIONS).filter_map(slot).collect()
}

/// Returns what is in a slot.
pub(super) async fn look<S: MediaStorage>(
    store: &S,
    slot: &StorageReference,
) -> Result<Option<Child>, StorageError> {
    let stored = store
        .retrieve_opts(slot, RetrieveOptions::new().with_head())
        .await;
    match stored {
        Ok(stored) => Ok(Some(Child {
            reference: with_facts(slot, &stored),
            mime: stored.mime,
            metadata: stored.metadata,
        })),
        Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn with_facts(slot: &StorageReference, stored: &media_storage::StoredMedia) -> StorageReference {
    let mut builder = slot.to_builder().with_size(stored.size);
    if let Some(sha256) = stored.sha256 {
        builder = builder.with_sha256(sha256);
    }
    builder.build().unwrap_or_else(|_| slot.clone())
}

/// Lists the renditions of an original in a store without slots.
pub(super) async fn listed<S: MediaStorage>(
    store: &S,
    parent: &str,
    metadata: &MediaMetadata,
) -> Result<Vec<Child>, StorageError> {
    let Some(inventory) = store.inventory() else {
        return Ok(Vec::new());
    };
    let owner = metadata
        .conversation()
        .map(|id| Scope::Conversation(id.clone()))
        .or_else(|| metadata.session().map(|id| Scope::Session(id.clone())))
        .or_else(|| metadata.run().map(|id| Scope::Run(id.clone())))
        .or_else(|| metadata.user().map(|id| Scope::User(id.clone())))
        .unwrap_or(Scope::All);
    let scope = Scope::all_of([owner, Scope::tag(PARENT_TAG, parent)]);
    let entries = inventory.list(scope).try_filter_map(|entry| async move {
        Ok(parent_of(&entry.metadata).is_some().then_some(Child {
            reference: entry.reference,
            mime: entry.mime,
            metadata: entry.metadata,
        }))
    });
    entries.take(MAX_RENDITIONS).try_collect().await
}
