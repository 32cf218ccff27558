//! Reading stored media, verified.

use futures_util::StreamExt as _;
use media_storage::{
    MediaBody, Operation, RetrieveOptions, StorageError, StorageErrorKind, StoredMedia,
    Verification,
};
use media_types::StorageReference;
use object_store::GetResult;

use super::resolve::{Resolved, by_any_record, find_admitted, not_found};
use super::together::{Together, together};
use crate::bucket::Bucket;
use crate::reference::sidecar::ByteLocation;
use crate::shared::Shared;

/// Opens media for reading.
pub(crate) async fn retrieve(
    shared: &Shared,
    reference: &StorageReference,
    options: &RetrieveOptions,
) -> Result<StoredMedia, StorageError> {
    let operation = Operation::Retrieve;
    let bucket = shared.bucket(operation);
    let scope = options.expected_scope();
    let whole = options.range().is_none() && !options.head();
    let (found, opened) = match together(shared, &bucket, reference, scope, whole).await? {
        Some(Together { found, opened }) => (found, opened),
        None => {
            let found = find_admitted(shared, reference, scope, operation).await?;
            (found, None)
        }
    };
    let sidecar = &found.descriptor.sidecar;
    let size = sidecar.size_bytes;
    let body = match options.range() {
        _ if options.head() => MediaBody::from_bytes(Vec::new()),
        Some(range) => {
            let (start, end) = (range.start.min(size), range.end.min(size));
            if start < end {
                let opened = open(shared, &bucket, reference, &found, Some(start..end)).await?;
                body_of(&bucket, reference, opened, end - start, None)
            } else {
                MediaBody::from_bytes(Vec::new())
            }
        }
        None => {
            let verification = options
                .verification()
                .unwrap_or(shared.options.verification);
            let sha256 = match verification {
                Verification::SizeOnly => None,
                _ => Some(sidecar.sha256),
            };
            let opened = match opened {
                Some(opened) => opened,
                None => open(shared, &bucket, reference, &found, None).await?,
            };
            body_of(&bucket, reference, opened, size, sha256)
        }
    };
    Ok(StoredMedia::new(sidecar.mime_type.clone(), size, body)
        .with_metadata(sidecar.metadata())
        .with_sha256(sidecar.sha256)
        .with_stored_at(sidecar.stored_at)
        .with_expires_at(sidecar.expires_at)
        .with_hold(sidecar.hold))
}

/// Opens the bytes of a reference, by the record of their hash if the sidecar leads nowhere.
async fn open(
    shared: &Shared,
    bucket: &Bucket,
    reference: &StorageReference,
    found: &Resolved,
    range: Option<std::ops::Range<u64>>,
) -> Result<GetResult, StorageError> {
    let corrupted = |reason: &'static str| {
        bucket
            .fail(StorageErrorKind::Corrupted)
            .with_key(reference.id())
            .with_reason(reason)
    };
    let Resolved { key, descriptor } = found;
    let keys = &shared.keys;
    let (sha256, size) = (descriptor.sidecar.sha256, descriptor.sidecar.size_bytes);
    let mut object = descriptor.bytes(keys, key)?;
    let mut opened = bucket.open(&object, range.clone()).await?;
    if opened.is_none() && matches!(descriptor.location, ByteLocation::Shared(_)) {
        let marked = by_any_record(bucket, keys, key, sha256).await?;
        let marked = marked.ok_or_else(|| not_found(bucket, reference))?;
        object = marked.bytes(keys, key)?;
        opened = bucket.open(&object, range).await?;
        if opened.is_none() && marked.location == descriptor.location {
            return Err(corrupted("the blob is missing"));
        }
    }
    let opened = opened.ok_or_else(|| not_found(bucket, reference))?;
    if opened.meta.size != size {
        return Err(corrupted(
            "the stored bytes have another size than the sidecar",
        ));
    }
    Ok(opened)
}

/// Returns a body of the bytes as they arrive, whose errors name the reference.
fn body_of(
    bucket: &Bucket,
    reference: &StorageReference,
    opened: GetResult,
    len: u64,
    sha256: Option<media_types::Sha256>,
) -> MediaBody {
    let reading = bucket.clone();
    let pieces = opened
        .into_stream()
        .map(move |piece| piece.map_err(|error| reading.read_failed(error)));
    let checked = MediaBody::from_stored_stream(len, sha256, pieces).into_stream();
    let (bucket, id) = (bucket.clone(), reference.id().to_owned());
    let named = checked.map(move |piece| piece.map_err(|error| bucket.adopt(error).with_key(&id)));
    MediaBody::from_stream(Some(len), named)
}
