//! Converting failures of a fetch to errors of the loader.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::MediaUrl;

use super::filter::LookupError;
use crate::error::{LoadError, LoadErrorKind};

/// Returns the error for a failure before the response.
pub(super) fn of_send(error: reqwest::Error) -> LoadError {
    let kind = match cause::<LookupError>(&error) {
        Some(LookupError::Refused) => LoadErrorKind::AddressNotAllowed,
        Some(LookupError::Failed(_)) => LoadErrorKind::NameNotResolved,
        None if error.is_timeout() => LoadErrorKind::Timeout,
        None if error.is_connect() || error.is_builder() => LoadErrorKind::ConnectFailed,
        None if cause::<hyper::Error>(&error).is_some_and(hyper::Error::is_parse) => {
            LoadErrorKind::InvalidResponse
        }
        None => LoadErrorKind::Interrupted,
    };
    // The URL may carry a secret in its query.
    LoadError::new(kind).with_source(error.without_url())
}

/// Returns the error for a failure while the body is read.
pub(super) fn of_body(error: reqwest::Error) -> StorageError {
    let kind = if error.is_timeout() {
        LoadErrorKind::Timeout
    } else {
        LoadErrorKind::Interrupted
    };
    BodyFault {
        kind,
        cause: Some(Arc::new(error.without_url())),
    }
    .into()
}

fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A failure of a fetch inside a body, whose errors are those of stores.
#[derive(Debug)]
pub(super) struct BodyFault {
    kind: LoadErrorKind,
    cause: Option<Arc<reqwest::Error>>,
}

impl BodyFault {
    pub(super) fn new(kind: LoadErrorKind) -> Self {
        Self { kind, cause: None }
    }
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for BodyFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl From<BodyFault> for StorageError {
    fn from(fault: BodyFault) -> Self {
        Self::new(StorageErrorKind::Unavailable, Operation::Retrieve).with_source(fault)
    }
}

/// Returns the error for a failure in the body of a fetched URL.
pub(crate) fn body_error(url: &MediaUrl, error: StorageError, limit: u64) -> LoadError {
    let of = |kind| LoadError::new(kind).with_what(&url.to_string());
    if error.kind() == StorageErrorKind::TooLarge {
        return of(LoadErrorKind::TooLarge { limit, size: None }).with_source(error);
    }
    let Some(fault) = cause::<BodyFault>(&error) else {
        // A body of another length than the one that its head gave.
        return of(LoadErrorKind::Interrupted).with_source(error);
    };
    let told = of(fault.kind.clone());
    match &fault.cause {
        Some(cause) => told.with_source(Arc::clone(cause)),
        None => told,
    }
}
