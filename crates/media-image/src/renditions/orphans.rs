//! Renditions whose original is gone.

use futures_util::stream::StreamExt;
use media_storage::{
    DeleteOptions, MediaStorage, Operation, RetrieveOptions, Scope, StorageError, StorageErrorKind,
};
use media_types::StorageReference;
use media_types::readable::causes;

use super::child::parent_of;

/// Returns whether the original of a rendition is there.
pub(super) async fn has_parent<S: MediaStorage>(
    store: &S,
    child: &StorageReference,
    parent: &str,
) -> Result<bool, StorageError> {
    let mut builder = StorageReference::builder(store.backend(), parent);
    if let Some(name) = child.store_name() {
        builder = builder.with_store_name(name);
    }
    let Ok(parent) = builder.build() else {
        return Ok(false);
    };
    let options = RetrieveOptions::new().with_head();
    match store.retrieve_opts(&parent, options).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes all renditions whose original is gone, or counts them. Returns how many, and how many items could not
/// be read or removed. Stops when `limit` are removed.
pub(super) async fn sweep_orphans<S: MediaStorage>(
    store: &S,
    dry_run: bool,
    limit: Option<u64>,
) -> Result<(u64, u64), StorageError> {
    let Some(inventory) = store.inventory() else {
        return Ok((0, 0));
    };
    let (mut removed, mut failed) = (0, 0);
    let mut entries = inventory.list(Scope::All);
    while limit.is_none_or(|limit| removed < limit)
        && let Some(entry) = entries.next().await
    {
        let Ok(entry) = entry else {
            failed += 1;
            continue;
        };
        let Some(parent) = parent_of(&entry.metadata) else {
            continue;
        };
        let swept = match has_parent(store, &entry.reference, parent).await {
            Ok(true) => continue,
            Ok(false) if dry_run => Ok(()),
            Ok(false) => {
                let options = DeleteOptions::new();
                store.delete_opts(&entry.reference, options).await
            }
            Err(error) => Err(error),
        };
        match swept {
            Ok(()) => removed += 1,
            Err(error) => {
                tracing::warn!(error = %causes(&error), "a rendition without an original could not be removed");
                failed += 1;
            }
        }
    }
    Ok((removed, failed))
}

/// Removes the renditions of a scope whose original is gone.
pub(super) async fn remove<S: MediaStorage>(store: &S, scope: Scope) -> Result<u64, StorageError> {
    let inventory = store.inventory().ok_or_else(|| {
        StorageError::new(StorageErrorKind::Unsupported, Operation::Sweep)
            .with_backend(store.backend().to_owned())
            .with_reason("the store has no inventory")
    })?;
    let mut removed = 0;
    let mut entries = inventory.list(scope);
    while let Some(entry) = entries.next().await {
        let entry = entry?;
        let Some(parent) = parent_of(&entry.metadata) else {
            continue;
        };
        if !has_parent(store, &entry.reference, parent).await? {
            store
                .delete_opts(&entry.reference, DeleteOptions::new())
                .await?;
            removed += 1;
        }
    }
    Ok(removed)
}
