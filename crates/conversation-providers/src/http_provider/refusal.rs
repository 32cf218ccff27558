//! What an error means for the request.

use crate::error::ProviderError;

/// What an answer with an error status means for the request, by the rules of its API.
///
/// What errors say about media in text and fields that many servers share is read by the core: `Final` is
/// enough for it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// Nothing about the request is to be changed. It is sent again if its error says that this can help.
    Final(ProviderError),
    /// The provider refuses media. The request is sent once more without it.
    Media {
        /// The items that it may mean, by their indexes in the plan.
        suspects: Vec<usize>,
        /// Whether it is certain that these are refused.
        certain: bool,
        /// The error of the request, if nothing is left to change.
        error: ProviderError,
    },
    /// Signatures are those of another conversation, or of another account. The request is sent once
    /// more without them.
    Signatures(ProviderError),
    /// The provider does not accept a parameter with this model. The request is sent once more without it.
    Parameter {
        /// The name of the parameter.
        name: String,
        /// The error of the request, if it was sent without the parameter before.
        error: ProviderError,
    },
}

impl Refusal {
    /// Returns the error of the provider.
    pub(super) fn error(&self) -> &ProviderError {
        match self {
            Self::Final(error)
            | Self::Media { error, .. }
            | Self::Signatures(error)
            | Self::Parameter { error, .. } => error,
        }
    }

    pub(super) fn into_error(self) -> ProviderError {
        match self {
            Self::Final(error)
            | Self::Media { error, .. }
            | Self::Signatures(error)
            | Self::Parameter { error, .. } => error,
        }
    }
}
