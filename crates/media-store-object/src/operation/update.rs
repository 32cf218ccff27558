//! Changing the metadata of stored media.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use media_storage::{MetadataPatch, Operation, Sidecar, StorageError, StorageErrorKind};
use media_types::StorageReference;

use super::resolve::{Resolved, find, not_found};
use crate::bucket::SecondKeys;
use crate::error::aborted;
use crate::reference::sidecar::{ByteLocation, Protocol};
use crate::second::{ReferenceObjects, SecondContent, Update};
use crate::shared::Shared;

/// Changes the metadata of a reference. A change that has begun continues if the caller goes away.
pub(crate) async fn update(
    shared: &Arc<Shared>,
    reference: &StorageReference,
    patch: &MetadataPatch,
) -> Result<(), StorageError> {
    let second = conditional(shared, reference)?;
    let bucket = shared.bucket(Operation::Update);
    let Some(found) = find(shared, &bucket, reference).await? else {
        return Err(not_found(&bucket, reference));
    };
    if found.descriptor.incoming {
        return Err(not_found(&bucket, reference));
    }
    if found.descriptor.protocol == Protocol::First {
        return Err(unsupported(
            shared,
            reference,
            "media of the first protocol is read, deleted and swept only",
        ));
    }
    let changing = {
        let (shared, reference, patch) = (Arc::clone(shared), reference.clone(), patch.clone());
        tokio::spawn(async move { change(&shared, &second, &reference, found, &patch).await })
    };
    changing.await.map_err(|error| {
        bucket
            .fail(StorageErrorKind::Unavailable)
            .with_reason("the runtime is shutting down")
            .with_source(aborted(error))
    })?
}

/// Returns the keys of a store that can change metadata.
fn conditional(shared: &Shared, reference: &StorageReference) -> Result<SecondKeys, StorageError> {
    match shared.keys.second() {
        Some(second) if second.tombstones => Ok(second.clone()),
        Some(_) => Err(unsupported(
            shared,
            reference,
            "metadata is changed by conditional writes, which the service does not support",
        )),
        None => Err(unsupported(
            shared,
            reference,
            "the bucket is used by the first protocol, which cannot change metadata",
        )),
    }
}

fn unsupported(
    shared: &Shared,
    reference: &StorageReference,
    reason: &'static str,
) -> StorageError {
    let error = shared.bucket(Operation::Update);
    let error = error.fail(StorageErrorKind::Unsupported);
    error.with_key(reference.id()).with_reason(reason)
}

async fn change(
    shared: &Shared,
    second: &SecondKeys,
    reference: &StorageReference,
    found: Resolved,
    patch: &MetadataPatch,
) -> Result<(), StorageError> {
    let bucket = shared.bucket(Operation::Update);
    let admit = |sidecar: &Sidecar| {
        // Media on hold stays after it has expired, so that it can be released.
        let now = match sidecar.hold {
            true => DateTime::<Utc>::MIN_UTC,
            false => Utc::now(),
        };
        let admitted = sidecar.admit(reference, patch.expected_scope(), now, Operation::Update);
        admitted.map_err(|error| bucket.adopt(error))
    };
    let Resolved { key, descriptor } = &found;
    let sidecar = &descriptor.sidecar;
    admit(sidecar)?;
    let update = Update {
        objects: ReferenceObjects::new(&bucket, &shared.keys, second, key, Some(sidecar)),
        patch,
        admit: &admit,
    };
    let changed = match descriptor.location {
        ByteLocation::Own => update.own().await?,
        ByteLocation::Shared(generation) => {
            let content = SecondContent::new(&bucket, second, sidecar.sha256);
            update.shared(content, generation).await?
        }
    };
    if changed {
        return Ok(());
    }
    match find(shared, &bucket, reference).await? {
        None => Err(not_found(&bucket, reference)),
        Some(_) => Err(bucket
            .fail(StorageErrorKind::Unavailable)
            .with_key(reference.id())
            .with_reason("the sidecar is missing; a full sweep restores it")),
    }
}
