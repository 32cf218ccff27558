//! The reason for which an attempt failed.

use media_types::MediaType;

use super::refusal::Refusal;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::media::MediaSendError;

/// What an error complains about. Items are by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Complaint {
    /// These items, which it names.
    Items(Vec<usize>),
    /// These items, which it names, or all media of their kind: its words may mean either.
    ItemsOrKind(Vec<usize>, MediaType),
    /// Some of these items; which is not said.
    Some(Vec<usize>),
    /// All media of a kind.
    NoneOf(MediaType),
    /// All media of a kind, or some of it: its words may mean either, and it names none.
    PerhapsNoneOf(MediaType),
    /// All images beyond this number.
    AtMost(usize),
    /// The size of the request.
    Size,
}

/// The reason for which an attempt failed, as far as the next one can do better.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the API says about its error.
    Refused(Refusal),
    /// A media item could not be read while the body was sent.
    Unreadable(MediaSendError),
    /// The provider refuses media, by what its error says.
    Complaint {
        complaint: Complaint,
        error: ProviderError,
    },
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::Refused(Refusal::Final(error))
    }
}

impl Failure {
    /// Returns the error of the provider, where there is one.
    pub(super) fn error(&self) -> Option<&ProviderError> {
        match self {
            Self::Unreadable(_) => None,
            Self::Complaint { error, .. } => Some(error),
            Self::Refused(refusal) => Some(refusal.error()),
        }
    }

    pub(crate) fn into_error(self, provider: &str) -> ProviderError {
        match self {
            Self::Unreadable(failed) => {
                ProviderError::new(ProviderErrorKind::MediaRead, provider).with_source(failed)
            }
            Self::Complaint { error, .. } => error,
            Self::Refused(refusal) => refusal.into_error(),
        }
    }

    pub(crate) fn map_final(self, change: impl FnOnce(ProviderError) -> ProviderError) -> Self {
        match self {
            Self::Refused(Refusal::Final(error)) => Self::from(change(error)),
            other => other,
        }
    }
}
