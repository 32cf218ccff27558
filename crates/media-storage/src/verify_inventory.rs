//! Verifying any store that has an inventory.

use futures_core::stream::BoxStream;
use media_types::StorageReference;

use crate::body::next;
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::inventory::{Entry, Inventory};
use crate::options::{RetrieveOptions, Verification};
use crate::scope::Scope;
use crate::storage::MediaStorage;
use crate::verifier::{DamagedMedia, ReadData, VerifyIssueKind, VerifyOptions, VerifyReport};

/// Verifies any store with an inventory: opens every entry, and reads and hashes its bytes as far as the
/// options say. Handles one entry at a time, in constant memory. For a
/// [`Verifier`](crate::Verifier) of a store without a faster way.
///
/// # Errors
/// `Unsupported` if the options ask for repair or quarantine; `Permission`, `Unavailable`.
pub async fn verify_inventory<S>(
    store: &S,
    inventory: &dyn Inventory,
    options: VerifyOptions,
) -> Result<VerifyReport, StorageError>
where
    S: MediaStorage + ?Sized,
{
    let unsupported = |reason: &'static str| {
        Err(
            StorageError::new(StorageErrorKind::Unsupported, Operation::Verify)
                .with_backend(store.backend().to_owned())
                .with_reason(reason),
        )
    };
    if options.repair() {
        return unsupported("this store repairs nothing when it is verified; a full sweep does");
    }
    if options.damaged() == DamagedMedia::Quarantine {
        return unsupported("this store has no quarantine");
    }
    let mut report = VerifyReport::default();
    let mut entries: BoxStream<'static, Result<Entry, StorageError>> = inventory.list(Scope::All);
    while let Some(entry) = std::future::poll_fn(|cx| entries.as_mut().poll_next(cx)).await {
        match entry {
            Ok(entry) => check(store, &entry.reference, options.read_data(), &mut report).await?,
            Err(error) if error.kind() == StorageErrorKind::Corrupted => {
                let key = error.key().unwrap_or_default();
                report.add(key, VerifyIssueKind::DamagedSidecar);
            }
            Err(error) => return Err(error.with_operation(Operation::Verify)),
        }
    }
    Ok(report)
}

async fn check<S: MediaStorage + ?Sized>(
    store: &S,
    reference: &StorageReference,
    read_data: ReadData,
    report: &mut VerifyReport,
) -> Result<(), StorageError> {
    report.references += 1;
    let options = match read_data.includes(reference) {
        true => RetrieveOptions::new().with_verification(Verification::HashAndSize),
        false => RetrieveOptions::new().with_head(),
    };
    let reads = !options.head();
    let opened = async {
        let stored = store.retrieve_opts(reference, options).await?;
        let mut bytes = 0;
        let mut body = stored.body.into_stream();
        while let Some(piece) = next(&mut body).await {
            bytes += piece?.len() as u64;
        }
        Ok::<u64, StorageError>(bytes)
    };
    match opened.await {
        Ok(bytes) => {
            report.read += u64::from(reads);
            report.read_bytes += bytes;
        }
        Err(error) => match error.kind() {
            StorageErrorKind::Corrupted => {
                report.read += u64::from(reads);
                report.add(reference.id(), VerifyIssueKind::WrongBytes);
            }
            StorageErrorKind::NotFound => {
                // It was deleted or has expired since it was listed, unless it is still listed.
                if is_listed(store, reference).await? {
                    report.add(reference.id(), VerifyIssueKind::MissingBytes);
                } else {
                    report.references -= 1;
                }
            }
            StorageErrorKind::InvalidRef | StorageErrorKind::Other => {
                report.add(reference.id(), VerifyIssueKind::Unreadable);
            }
            _ => return Err(error.with_operation(Operation::Verify)),
        },
    }
    Ok(())
}

/// Whether the sidecar of a reference exists and has not expired.
async fn is_listed<S: MediaStorage + ?Sized>(
    store: &S,
    reference: &StorageReference,
) -> Result<bool, StorageError> {
    let head = RetrieveOptions::new().with_head();
    match store.retrieve_opts(reference, head).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == StorageErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
