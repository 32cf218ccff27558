//! From what an operator types to an entry of the store.

use futures_util::StreamExt as _;
use media_storage::{Entry, RetrieveOptions, Scope, StorageErrorKind};
use media_types::StorageReference;

use crate::failure::{Failure, Outcome};
use crate::output::escaped;
use crate::store::open::OpenStore;

/// Finds media by its id, by the end of the id (the file name, or the token in it), or by a
/// reference as JSON.
///
/// A whole id is looked up at once; anything else is searched for in the listing.
pub(crate) async fn find(store: &OpenStore, text: &str) -> Outcome<Entry> {
    if text.trim_start().starts_with('{') {
        let reference: StorageReference = serde_json::from_str(text)
            .map_err(|error| Failure::usage("this is not a reference in JSON").because(error))?;
        return entry_of(store, reference)
            .await?
            .ok_or_else(|| not_found(text));
    }
    if let Some(reference) = whole_id(store, text)
        && let Some(entry) = entry_of(store, reference).await?
    {
        return Ok(entry);
    }
    search(store, text).await
}

/// The reference to an id, if it has the form of one.
fn whole_id(store: &OpenStore, id: &str) -> Option<StorageReference> {
    media_storage::layout::parse_media_key(id)?;
    let storage = store.storage();
    let mut reference = StorageReference::builder(storage.backend(), id);
    if let Some(name) = storage.name() {
        reference = reference.with_store_name(name);
    }
    reference.build().ok()
}

async fn entry_of(store: &OpenStore, reference: StorageReference) -> Outcome<Option<Entry>> {
    let head = RetrieveOptions::new().with_head();
    let stored = match store.storage().retrieve_opts(&reference, head).await {
        Ok(stored) => stored,
        Err(error) if error.kind() == StorageErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut whole =
        StorageReference::builder(reference.backend(), reference.id()).with_size(stored.size);
    if let Some(name) = reference.store_name() {
        whole = whole.with_store_name(name);
    }
    if let Some(sha256) = stored.sha256 {
        whole = whole.with_sha256(sha256);
    }
    let stored_at = stored.stored_at.unwrap_or_default();
    let reference = whole
        .with_created_at(stored_at)
        .build()
        .map_err(|error| Failure::failed("the id cannot be referred to").because(error))?;
    let expires_at = stored
        .metadata
        .retention()
        .and_then(|retention| retention.expires_at(stored_at));
    let entry = Entry::new(reference, stored.mime, stored.metadata, stored_at);
    Ok(Some(entry.with_expires_at(expires_at)))
}

/// Looks through the listing for one entry whose id ends so, or whose token begins so.
async fn search(store: &OpenStore, text: &str) -> Outcome<Entry> {
    if text.len() < 4 {
        return Err(Failure::usage("an id needs at least 4 characters"));
    }
    let mut found: Option<Entry> = None;
    let mut entries = store.list(Scope::All)?;
    while let Some(entry) = entries.next().await {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.kind() == StorageErrorKind::Corrupted => continue,
            // What is not listed may fit too.
            Err(error) => return Err(error.into()),
        };
        let id = entry.reference.id();
        let name = entry.reference.file_name();
        let token = name.split_once('-').map_or(name, |(_, token)| token);
        if !(id.ends_with(text) || token.starts_with(text)) {
            continue;
        }
        if found.is_some() {
            let shown = escaped(text);
            return Err(Failure::failed(format!(
                "{shown:?} fits more than one id; give more of it"
            )));
        }
        found = Some(entry);
    }
    found.ok_or_else(|| not_found(text))
}

fn not_found(text: &str) -> Failure {
    Failure::failed(format!("there is no media with the id {:?}", escaped(text)))
}
