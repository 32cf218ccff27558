//! What an error means for the request.

use media_types::MediaType;

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
pub(crate) enum Refusal {
    /// Nothing about the request can be changed.
    Final(ProviderError),
    /// A media item could not be read while the body was sent.
    Unreadable(MediaSendError),
    /// The provider refuses media.
    Media {
        /// The items that it may mean.
        suspects: Vec<usize>,
        /// Whether it is certain that these are refused.
        certain: bool,
        error: ProviderError,
    },
    /// Signatures are those of another conversation, or of another account.
    Signatures(ProviderError),
    /// The provider refuses media, by what its error says.
    Complaint {
        complaint: Complaint,
        error: ProviderError,
    },
    /// The provider does not accept a parameter with this model.
    Parameter { name: String, error: ProviderError },
}

impl From<ProviderError> for Refusal {
    fn from(error: ProviderError) -> Self {
        Self::Final(error)
    }
}

impl Refusal {
    /// Returns the error of the provider, where there is one.
    pub(super) fn error(&self) -> Option<&ProviderError> {
        match self {
            Self::Unreadable(_) => None,
            Self::Final(error)
            | Self::Media { error, .. }
            | Self::Complaint { error, .. }
            | Self::Signatures(error)
            | Self::Parameter { error, .. } => Some(error),
        }
    }

    pub(super) fn into_error(self, provider: &str) -> ProviderError {
        match self {
            Self::Unreadable(failed) => {
                ProviderError::new(ProviderErrorKind::MediaRead, provider).with_source(failed)
            }
            Self::Final(error)
            | Self::Signatures(error)
            | Self::Media { error, .. }
            | Self::Complaint { error, .. }
            | Self::Parameter { error, .. } => error,
        }
    }

    pub(super) fn map_final(self, change: impl FnOnce(ProviderError) -> ProviderError) -> Self {
        match self {
            Self::Final(error) => Self::Final(change(error)),
            other => other,
        }
    }
}
