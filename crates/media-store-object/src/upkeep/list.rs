//! Listing the references of a scope.

use futures_util::stream::{BoxStream, StreamExt as _};
use media_storage::{Entry, Operation, Scope, StorageError};

use super::scoped::{Members, ScopedReference, WalkError, in_scope};
use crate::reference::value::reference_to;
use crate::shared::Shared;

/// Lists the references of a scope.
pub(crate) fn list(
    shared: &Shared,
    scope: Scope,
) -> BoxStream<'static, Result<Entry, StorageError>> {
    let bucket = shared.bucket(Operation::List);
    let name = shared.name.clone();
    let members = in_scope(&bucket, &shared.keys, scope, Members::Existing);
    let entries = members.map(move |member| {
        let entry = match member {
            Ok(ScopedReference { descriptor, .. }) => {
                let entry = descriptor.sidecar.entry(bucket.backend(), name.as_deref());
                entry.and_then(|mut entry| {
                    entry.reference = reference_to(&descriptor, bucket.backend(), name.as_deref())?;
                    Ok(entry)
                })
            }
            Err(WalkError::Listing(error) | WalkError::Reference(_, error)) => Err(error),
        };
        entry.map_err(|error| bucket.adopt(error))
    });
    entries.boxed()
}
