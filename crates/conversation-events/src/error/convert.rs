//! Conversions from the errors of other crates.

use std::error::Error;

use conversation_externalizer::{ExternalizeError, ExternalizeErrorKind};
use conversation_lifecycle::{LifecycleError, LifecycleErrorKind};
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
            .with_hint(error.kind().hint())
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
            Storage::RateLimited => "Try again later",
            Storage::QuotaExceeded => "Delete media, or raise the quota",
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
            // A key that was taken meanwhile is a race as well.
            StateErrorKind::Conflict | StateErrorKind::KeyTaken => Kind::Conflict,
            StateErrorKind::NotFound => Kind::NotFound,
            StateErrorKind::Indeterminate => Kind::StateOutcomeUnknown,
            // What is written is the caller's; writes of answers are told apart where they are made.
            StateErrorKind::InvalidInput | StateErrorKind::TooLarge => Kind::InvalidInput,
            StateErrorKind::Panicked => Kind::Panicked,
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

impl From<ExternalizeError> for ConversationError {
    fn from(error: ExternalizeError) -> Self {
        let kind = match error.kind() {
            ExternalizeErrorKind::Storage(_) => Kind::Storage,
            ExternalizeErrorKind::PathNotUtf8 => Kind::InvalidInput,
            ExternalizeErrorKind::NotAllowed => Kind::NotFound,
            _ => Kind::Media,
        };
        let retryable = error
            .storage_error()
            .is_some_and(|error| error.is_retryable());
        let position = error.position();
        let converted = Self::new(kind).with_source(error);
        let converted = match kind {
            Kind::Storage => converted.with_retryable(retryable),
            _ => converted,
        };
        match position {
            Some((message, part)) => {
                converted.with_detail(format!("part {part} of message {message}"))
            }
            None => converted,
        }
    }
}

impl From<LifecycleError> for ConversationError {
    fn from(error: LifecycleError) -> Self {
        use LifecycleErrorKind as Lifecycle;
        let kind = match error.kind() {
            Lifecycle::Busy => Kind::Busy,
            Lifecycle::Cancelled => Kind::Cancelled,
            Lifecycle::Config => Kind::Config,
            Lifecycle::Conflict => Kind::Conflict,
            Lifecycle::InvalidInput => Kind::InvalidInput,
            Lifecycle::LeaseLost => Kind::LeaseLost,
            Lifecycle::Media => Kind::Media,
            Lifecycle::NotFound => Kind::NotFound,
            Lifecycle::Panicked => Kind::Panicked,
            Lifecycle::State => Kind::State,
            Lifecycle::StateOutcomeUnknown => Kind::StateOutcomeUnknown,
            Lifecycle::Storage => Kind::Storage,
            _ => Kind::Other,
        };
        let detail = error.detail().map(str::to_owned);
        let (turn, until) = (error.turn().cloned(), error.lease_until());
        let mut converted = of_cause(kind, error.into_source());
        if let Some(detail) = detail {
            converted = converted.with_detail(detail);
        }
        match turn {
            Some(turn) => converted.with_turn(turn).with_lease_until(until),
            None => converted,
        }
    }
}

/// An error with its cause, and with what the cause says about hints and repetition.
fn of_cause(kind: Kind, cause: Option<Box<dyn Error + Send + Sync>>) -> ConversationError {
    let Some(cause) = cause else {
        return ConversationError::new(kind);
    };
    let cause = match cause.downcast::<StorageError>() {
        Ok(storage) if kind == Kind::Storage => return (*storage).into(),
        Ok(storage) => storage,
        Err(cause) => match cause.downcast::<StateError>() {
            Ok(state) if matches!(kind, Kind::State | Kind::StateOutcomeUnknown) => {
                return (*state).into();
            }
            Ok(state) => state,
            Err(cause) => cause,
        },
    };
    ConversationError::new(kind).with_source(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_above_the_limits_of_the_state_are_the_callers() {
        let of = |kind| ConversationError::from(StateError::new(kind, "apply write"));
        let error = of(StateErrorKind::TooLarge);
        assert_eq!(
            (error.kind(), error.http_status()),
            (Kind::InvalidInput, 400)
        );
        assert!(!error.is_retryable());
        let error = of(StateErrorKind::Panicked);
        assert_eq!(error.kind(), Kind::Panicked);
        assert!(!error.is_retryable());
        let error = of(StateErrorKind::Unavailable);
        assert!(error.kind() == Kind::State && error.is_retryable());
    }
}
