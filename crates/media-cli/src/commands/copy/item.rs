//! Copying one item, and which items are copied one after the other.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use media_storage::{
    Entry, ImportOutcome, ImportUpload, Importer, MediaStorageExt as _, Operation, RetrieveOptions,
    StorageError, StorageErrorKind, Verification,
};
use media_types::Sha256;

use crate::store::OpenStore;

/// How often one item is tried while a store is unavailable.
const ATTEMPTS: u32 = 5;

/// Groups entries by their bytes. Equal ones are copied one after the other: several that are the
/// first of their kind at the same moment would each leave bytes of their own in a bucket.
pub(super) fn by_hash(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut groups: Vec<Vec<Entry>> = Vec::new();
    let mut places: HashMap<Sha256, usize> = HashMap::new();
    for entry in entries {
        let next = groups.len();
        let place = entry
            .reference
            .sha256()
            .map(|sha256| *places.entry(sha256).or_insert(next));
        match place.and_then(|at| groups.get_mut(at)) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// The store that is copied to has it now, or had it before.
    Imported(ImportOutcome),
    /// It was deleted after it was listed.
    Deleted,
}

/// Copies one item, verified on the way: the store that takes it over hashes what it is given.
pub(super) async fn copy_one(
    from: &OpenStore,
    to: &OpenStore,
    importer: &dyn Importer,
    entry: Entry,
    read_back: bool,
) -> Result<(Entry, Copied), StorageError> {
    let mut wait = Duration::from_millis(500);
    let mut attempt = 1;
    loop {
        match copy_once(from, to, importer, &entry, read_back).await {
            Ok(outcome) => return Ok((entry, outcome)),
            Err(error) if error.is_retryable() && attempt < ATTEMPTS => {
                tokio::time::sleep(wait).await;
                wait *= 2;
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

async fn copy_once(
    from: &OpenStore,
    to: &OpenStore,
    importer: &dyn Importer,
    entry: &Entry,
    read_back: bool,
) -> Result<Copied, StorageError> {
    if entry.hold && !importer.keeps_holds() {
        return Err(
            StorageError::new(StorageErrorKind::Unsupported, Operation::Import)
                .with_backend(to.storage().backend().to_owned())
                .with_key(entry.reference.id())
                .with_reason(
                    "the media is on hold, which the store that it is copied to cannot keep",
                ),
        );
    }
    let options = RetrieveOptions::new().with_verification(Verification::HashAndSize);
    let retrieved = from
        .storage()
        .retrieve_opts(&entry.reference, options)
        .await;
    let imported = match retrieved {
        Ok(stored) => {
            let upload = ImportUpload::new(entry.clone(), stored.body);
            importer.import(upload).await
        }
        Err(error) => Err(error),
    };
    let imported = match imported {
        Err(error) if error.kind() == StorageErrorKind::NotFound => {
            return match is_deleted(from, entry).await? {
                true => Ok(Copied::Deleted),
                // Its bytes are lost, or the other store is.
                false => Err(error),
            };
        }
        imported => imported?,
    };
    if read_back {
        let stored = to.storage().retrieve(&imported.reference).await?;
        let mut body = stored.body.into_stream();
        while body.try_next().await?.is_some() {}
    }
    Ok(Copied::Imported(imported.outcome))
}

async fn is_deleted(from: &OpenStore, entry: &Entry) -> Result<bool, StorageError> {
    let head = RetrieveOptions::new().with_head();
    match from.storage().retrieve_opts(&entry.reference, head).await {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}
