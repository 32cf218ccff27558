//! Conversions from the errors of other crates.

use conversation_providers::ProviderError;
use conversation_state::{StateError, StateErrorKind};
use media_storage::{StorageError, StorageErrorKind};
use media_types::ValueError;
use prompt_pack::{PackError, PackErrorKind};

use super::conversation_error::ConversationError;
use super::kind::ConversationErrorKind as Kind;

impl From<PackError> for ConversationError {
    fn from(error: PackError) -> Self {
        let kind = match error.kind() {
            PackErrorKind::PackMismatch => Kind::PackMismatch,
            _ => Kind::Pack,
        };
        Self::new(kind).with_source(error)
    }
}

impl From<ProviderError> for ConversationError {
    fn from(error: ProviderError) -> Self {
        let retryable = error.is_retryable();
        Self::new(Kind::Provider)
            .with_retryable(retryable)
            .with_source(error)
    }
}

impl From<StorageError> for ConversationError {
    fn from(error: StorageError) -> Self {
        use StorageErrorKind as Storage;
        let hint = match error.kind() {
            Storage::Permission => "Check that the media store may be written",
            Storage::DiskSpace => "Free some space and send again",
            Storage::TooLarge => "Send smaller media, or raise the limit of the media store",
            Storage::Unavailable => "Try again when the media store is back",
            Storage::Config => "Correct the configuration of the media store",
            Storage::InvalidInput => "Check the media and the ids that the media store needs",
            _ => "See the cause",
        };
        let retryable = error.is_retryable();
        Self::new(Kind::Storage)
            .with_hint(hint)
            .with_retryable(retryable)
            .with_source(error)
    }
}

impl From<StateError> for ConversationError {
    fn from(error: StateError) -> Self {
        let kind = match error.kind() {
            StateErrorKind::Conflict => Kind::Conflict,
            StateErrorKind::NotFound => Kind::NotFound,
            StateErrorKind::Indeterminate => Kind::StateOutcomeUnknown,
            StateErrorKind::InvalidInput => Kind::InvalidInput,
            _ => Kind::State,
        };
        let retryable = error.is_retryable();
        let error = Self::new(kind).with_source(error);
        match kind {
            Kind::State => error.with_retryable(retryable),
            _ => error,
        }
    }
}

impl From<ValueError> for ConversationError {
    fn from(error: ValueError) -> Self {
        Self::new(Kind::InvalidInput).with_source(error)
    }
}
