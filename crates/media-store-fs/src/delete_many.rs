//! Deleting many references.

use media_storage::backend::CancelFlag;
use media_storage::{DeleteOptions, Operation, StorageError};
use media_types::StorageReference;

use crate::delete::{delete, delete_locked};
use crate::lock;
use crate::quarantine::Names;
use crate::shared::Shared;

/// Number of references that are deleted under one lock. Changes of metadata wait for that long, and longer if several
/// callers delete at once: the lock lets further deletions in before a change that waits.
const AT_ONCE: usize = 32;

/// Deletes references, and looks through the quarantine once for several of them.
pub(crate) fn delete_many(
    shared: &Shared,
    references: &[StorageReference],
    options: &DeleteOptions,
    cancelled: &CancelFlag,
) -> Result<Vec<Result<(), StorageError>>, StorageError> {
    shared.check_writable(Operation::Delete)?;
    let mut results = Vec::with_capacity(references.len());
    for references in references.chunks(AT_ONCE) {
        let Ok(Some(_lock)) = lock::share(shared.own(), shared.config.permissions) else {
            // Each says itself why it fails.
            results.extend(references.iter().map(|one| delete(shared, one, options)));
            continue;
        };
        // Nothing goes to the quarantine under the lock.
        let names = Names::default();
        for reference in references {
            let deleted = cancelled.check().and_then(|()| {
                delete_locked(shared, reference, options, |file| {
                    match names.contains(&shared.quarantine, file)? {
                        true => shared.quarantine.find(file),
                        false => Ok(None),
                    }
                })
            });
            results.push(deleted);
        }
    }
    Ok(results)
}
