//! Answers that cannot be decoded.

use super::extractor::ExtractError;
use crate::error::{ProviderError, ProviderErrorKind};
use crate::sink::{SinkError, SinkErrorKind};

/// The reason for which an answer cannot be decoded.
#[derive(Debug)]
pub(crate) enum DecodeError {
    Extract(ExtractError),
    /// More media than allowed, or more of what is passed over.
    TooLarge,
    Sink(SinkError),
}

impl From<ExtractError> for DecodeError {
    fn from(error: ExtractError) -> Self {
        Self::Extract(error)
    }
}

impl DecodeError {
    pub(crate) fn into_error(self, provider: &str) -> ProviderError {
        let invalid = |reason: &'static str| {
            ProviderError::new(ProviderErrorKind::InvalidResponse, provider).with_reason(reason)
        };
        match self {
            Self::Extract(ExtractError::NotBase64) => invalid("media is not base64"),
            Self::Extract(ExtractError::Truncated) => invalid("truncated response"),
            Self::Extract(ExtractError::TooLong) | Self::TooLarge => {
                invalid("the response is too large")
            }
            Self::Sink(error) => match error.kind() {
                SinkErrorKind::TooLarge => invalid("the response is too large").with_source(error),
                _ => ProviderError::new(ProviderErrorKind::Spool, provider).with_source(error),
            },
        }
    }
}
