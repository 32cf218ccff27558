//! Histories that are deleted, replaced or copied, with the media that they own.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use media_storage::{
    DeleteOptions, MediaBody, MediaMetadata, MediaUpload, RetrieveOptions, StorageErrorKind,
};
use media_types::StorageReference;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::placeholder::{MAX_PLACEHOLDER_LEN, Placeholder, candidates, find};
use crate::report::ForgetReport;
use crate::settings::{Owner, Settings};

/// What distinguishes references: backend, store, id.
type Name = (String, Option<String>, String);

fn name(reference: &StorageReference) -> Name {
    (
        reference.backend().to_owned(),
        reference.store_name().map(str::to_owned),
        reference.id().to_owned(),
    )
}

/// The references that a slim history names, each once, in the order of the text.
pub(crate) fn references(settings: &Settings, owner: &Owner, slim: &[u8]) -> Vec<StorageReference> {
    let mut seen = BTreeSet::new();
    find(slim, &settings.key, &owner.tag)
        .filter(|(_, is_ours, _)| *is_ours)
        .map(|(_, _, candidate)| candidate.placeholder.reference)
        .filter(|reference| seen.insert(name(reference)))
        .collect()
}

/// The names of all that a text names. Media that is not among them may be deleted, so placeholders of
/// other keys and scopes count too: a key may have been rotated since.
fn all_names(text: &[u8]) -> impl Iterator<Item = Name> {
    candidates(text).map(|candidate| name(&candidate.placeholder.reference))
}

/// Deletes what `old` names and `kept` does not.
pub(crate) async fn delete(
    settings: &Settings,
    old: &[u8],
    kept: &[u8],
) -> Result<ForgetReport, HistoryError> {
    const OPERATION: HistoryOperation = HistoryOperation::Forget;
    let owner = settings.owner(OPERATION)?;
    let kept: BTreeSet<Name> = all_names(kept).collect();
    let mut report = ForgetReport::default();
    for reference in references(settings, &owner, old) {
        if kept.contains(&name(&reference)) {
            report.kept += 1;
        } else if delete_one(settings, &owner, &reference).await? {
            report.deleted.push(reference);
        } else {
            report.gone += 1;
        }
    }
    Ok(report)
}

/// Finds each reference that the text of a reader names, in bounded memory, wherever it stands and as
/// often as it does.
///
/// Placeholders of any key and for any scope count: what none of them names may be deleted, and a key may
/// have been replaced since. So does text that only looks like a placeholder.
///
/// # Errors
/// Returns `Read`.
pub async fn scan_references<R>(
    mut text: R,
    mut found: impl FnMut(StorageReference) + Send,
) -> Result<(), HistoryError>
where
    R: AsyncRead + Unpin + Send,
{
    let mut buffer = Vec::new();
    loop {
        // A placeholder may begin in what was read last.
        let kept = buffer.len().saturating_sub(MAX_PLACEHOLDER_LEN);
        buffer.drain(..kept);
        let read = (&mut text).take(256 * 1024).read_to_end(&mut buffer).await;
        let read = read.map_err(|error| {
            HistoryError::new(HistoryErrorKind::Read, HistoryOperation::Check).with_source(error)
        })?;
        for candidate in candidates(&buffer) {
            found(candidate.placeholder.reference);
        }
        if read == 0 {
            return Ok(());
        }
    }
}

/// Returns those references that the text of a reader does not name.
pub(crate) async fn unnamed<R>(
    listed: Vec<StorageReference>,
    text: R,
) -> Result<Vec<StorageReference>, HistoryError>
where
    R: AsyncRead + Unpin + Send,
{
    let mut unnamed: BTreeMap<Name, StorageReference> = listed
        .into_iter()
        .map(|reference| (name(&reference), reference))
        .collect();
    scan_references(text, |reference| {
        unnamed.remove(&name(&reference));
    })
    .await?;
    Ok(unnamed.into_values().collect())
}

/// Deletes references; returns how many were there. `None` if some are of another scope, and stay.
pub(crate) async fn delete_all(
    settings: &Settings,
    references: &[StorageReference],
) -> Result<Option<u64>, HistoryError> {
    let owner = settings.owner(HistoryOperation::Forget)?;
    let (mut deleted, mut are_ours) = (0, true);
    for reference in references {
        match delete_one(settings, &owner, reference).await? {
            true => deleted += 1,
            false => are_ours &= !is_there(settings, reference).await?,
        }
    }
    Ok(are_ours.then_some(deleted))
}

/// Whether media is there, whatever its scope.
async fn is_there(settings: &Settings, reference: &StorageReference) -> Result<bool, HistoryError> {
    const OPERATION: HistoryOperation = HistoryOperation::Forget;
    let head = RetrieveOptions::new().with_head();
    let store = settings.store_of(reference, OPERATION)?;
    match store.retrieve_opts(reference, head).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(false),
        Err(error) => {
            Err(HistoryError::storage(OPERATION, error).with_reference(reference.clone()))
        }
    }
}

/// Returns false for what is gone already.
async fn delete_one(
    settings: &Settings,
    owner: &Owner,
    reference: &StorageReference,
) -> Result<bool, HistoryError> {
    const OPERATION: HistoryOperation = HistoryOperation::Forget;
    let options = DeleteOptions::new().with_expected_scope(owner.scope.clone());
    let store = settings.store_of(reference, OPERATION)?;
    match store.delete_opts(reference, options).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(false),
        Err(error) => {
            Err(HistoryError::storage(OPERATION, error).with_reference(reference.clone()))
        }
    }
}

/// Copies the media that a slim history names to another owner, and returns the history that names
/// the copies.
pub(crate) async fn fork(
    settings: &Settings,
    slim: &[u8],
    to: Owner,
    metadata: MediaMetadata,
) -> Result<(Bytes, Vec<StorageReference>), HistoryError> {
    const OPERATION: HistoryOperation = HistoryOperation::Fork;
    let owner = settings.owner(OPERATION)?;
    let metadata = to.metadata(metadata, OPERATION)?;
    let (mut out, mut copied) = (Vec::with_capacity(slim.len()), 0);
    let mut copies: BTreeMap<Name, StorageReference> = BTreeMap::new();
    for (at, is_ours, candidate) in find(slim, &settings.key, &owner.tag) {
        if !is_ours {
            continue;
        }
        let Placeholder {
            reference,
            text_len,
            style,
            ..
        } = candidate.placeholder;
        let name = name(&reference);
        let copy = match copies.get(&name) {
            Some(copy) => Ok(copy.clone()),
            None => copy(settings, &owner, &reference, &metadata).await,
        };
        let placeholder = copy.and_then(|copy| {
            copies.insert(name, copy.clone());
            Placeholder::new(copy, text_len, style)
                .and_then(|placeholder| placeholder.to_text(&settings.key, &to.tag))
                .ok_or_else(|| {
                    HistoryError::new(HistoryErrorKind::Storage, OPERATION)
                        .with_reason("the store returned a reference without size or hash")
                })
        });
        let placeholder = match placeholder {
            Ok(placeholder) => placeholder,
            Err(error) => {
                discard(settings, copies.into_values()).await;
                return Err(error.with_reference(reference));
            }
        };
        out.extend_from_slice(slim.get(copied..at).unwrap_or_default());
        out.extend_from_slice(placeholder.as_bytes());
        copied = at + candidate.len;
    }
    out.extend_from_slice(slim.get(copied..).unwrap_or_default());
    Ok((out.into(), copies.into_values().collect()))
}

async fn copy(
    settings: &Settings,
    owner: &Owner,
    reference: &StorageReference,
    metadata: &MediaMetadata,
) -> Result<StorageReference, HistoryError> {
    const OPERATION: HistoryOperation = HistoryOperation::Fork;
    let failed = |error| HistoryError::storage(OPERATION, error);
    let store = settings.store_of(reference, OPERATION)?;
    let options = RetrieveOptions::new().with_expected_scope(owner.scope.clone());
    let stored = store
        .retrieve_opts(reference, options)
        .await
        .map_err(failed)?;
    let body = MediaBody::from_stream(Some(stored.size), stored.body.into_stream());
    let mut upload = MediaUpload::new(stored.mime, body, metadata.clone());
    if let Some(sha256) = reference.sha256() {
        upload = upload.with_expected_sha256(sha256);
    }
    store.store(upload).await.map_err(failed)
}

/// Deletes references that nothing names, as far as that works: what stays is an orphan.
pub(crate) async fn discard(
    settings: &Settings,
    references: impl IntoIterator<Item = StorageReference>,
) {
    for reference in references {
        if let Ok(store) = settings.store_of(&reference, HistoryOperation::Forget) {
            // The failure that led here is the one to report.
            let _ = store.delete_opts(&reference, DeleteOptions::new()).await;
        }
    }
}
