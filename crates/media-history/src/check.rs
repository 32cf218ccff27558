//! Looking whether what a slim history names is there.

use media_storage::{RetrieveOptions, StorageErrorKind, next};

use crate::error::{HistoryError, HistoryOperation};
use crate::placeholder::{Placeholder, find};
use crate::report::{CheckReport, Unresolved, UnresolvedReason};
use crate::settings::{Owner, Settings};

const OPERATION: HistoryOperation = HistoryOperation::Check;

/// Looks up every placeholder; reads and verifies the media where `read` is set.
pub(crate) async fn check(
    settings: &Settings,
    slim: &[u8],
    read: bool,
) -> Result<CheckReport, HistoryError> {
    let owner = settings.owner(OPERATION)?;
    let mut report = CheckReport::default();
    for (at, is_ours, candidate) in find(slim, &settings.key, &owner.tag) {
        let placeholder = candidate.placeholder;
        let reason = match is_ours {
            true => resolve(settings, &owner, &placeholder, read).await?,
            false => Some(UnresolvedReason::NotOurs),
        };
        match reason {
            None => {
                report.resolved += 1;
                report.media_bytes += placeholder.size;
            }
            Some(reason) => report.push(Unresolved {
                offset: at as u64,
                reference: placeholder.reference,
                reason,
            }),
        }
    }
    Ok(report)
}

/// Why a placeholder does not resolve; `None` when it does.
async fn resolve(
    settings: &Settings,
    owner: &Owner,
    placeholder: &Placeholder,
    read: bool,
) -> Result<Option<UnresolvedReason>, HistoryError> {
    let reference = &placeholder.reference;
    let store = settings.store_of(reference, OPERATION)?;
    let mut options = RetrieveOptions::new().with_expected_scope(owner.scope.clone());
    if !read {
        options = options.with_head();
    }
    let found = match store.retrieve_opts(reference, options).await {
        Ok(stored) if stored.size != placeholder.size => {
            return Ok(Some(UnresolvedReason::Corrupted));
        }
        Ok(stored) => {
            let mut stream = stored.body.into_stream();
            loop {
                match next(&mut stream).await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break Err(error),
                    None => break Ok(()),
                }
            }
        }
        Err(error) => Err(error),
    };
    match found.as_ref().map_err(|error| error.kind()) {
        Ok(()) => Ok(None),
        Err(StorageErrorKind::NotFound) => Ok(Some(UnresolvedReason::Missing)),
        Err(StorageErrorKind::Corrupted | StorageErrorKind::InvalidRef) => {
            Ok(Some(UnresolvedReason::Corrupted))
        }
        Err(_) => match found {
            Ok(()) => Ok(None),
            Err(error) => {
                Err(HistoryError::storage(OPERATION, error).with_reference(reference.clone()))
            }
        },
    }
}
