//! Listing the references of a scope.

use futures_util::stream::{BoxStream, StreamExt as _};
use media_storage::{Entry, Operation, Scope, StorageError};

use super::walk::{ScopedReference, WalkError, in_scope};
use crate::shared::Shared;

/// Lists the references of a scope.
pub(crate) fn list(
    shared: &Shared,
    scope: Scope,
) -> BoxStream<'static, Result<Entry, StorageError>> {
    let bucket = shared.bucket(Operation::List);
    let name = shared.name.clone();
    let members = in_scope(&bucket, &shared.keys, scope);
    let entries = members.map(move |member| {
        let entry = match member {
            Ok(ScopedReference { descriptor, .. }) => {
                descriptor.sidecar.entry(bucket.backend(), name.as_deref())
            }
            Err(WalkError::Listing(error) | WalkError::Reference(_, error)) => Err(error),
        };
        entry.map_err(|error| bucket.adopt(error))
    });
    entries.boxed()
}
