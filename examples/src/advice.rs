//! What to do about an error of the library, by its kind.

use std::error::Error;

use conversation_sdk::{
    ConversationError, PackError, ProviderError, ProviderErrorKind, StateError,
};
use media_storage::{StorageError, StorageErrorKind};

use crate::errors::Failure;

/// The failure that an example ends with, for any error of the library. The advice comes from the innermost error that
/// has one, since that knows best what happened.
pub fn failed(error: impl Error + Send + Sync + 'static) -> Failure {
    let mut advice = "See the causes below; RUST_LOG=debug tells more".to_owned();
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(better) = for_error(current) {
            advice = better;
        }
        cause = current.source();
    }
    Failure::from_error(error, advice)
}

fn for_error(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<ConversationError>() {
        return Some(error.hint().to_owned());
    }
    if let Some(error) = error.downcast_ref::<StateError>() {
        return Some(error.hint().to_owned());
    }
    if let Some(error) = error.downcast_ref::<PackError>() {
        return Some(error.hint().to_owned());
    }
    if let Some(error) = error.downcast_ref::<ProviderError>() {
        return for_provider(error.kind()).map(str::to_owned);
    }
    let error = error.downcast_ref::<StorageError>()?;
    for_storage(error.kind()).map(str::to_owned)
}

fn for_provider(kind: ProviderErrorKind) -> Option<&'static str> {
    Some(match kind {
        ProviderErrorKind::Authentication => {
            "Check OPENAI_API_KEY, or unset it to use the local peer"
        }
        ProviderErrorKind::InvalidRequest | ProviderErrorKind::NotFound => {
            "Check OPENAI_BASE_URL, OPENAI_MODEL and OPENAI_IMAGE_MODEL"
        }
        ProviderErrorKind::MediaRefused => {
            "Send a PNG, JPEG, GIF or WebP that other programs can open"
        }
        ProviderErrorKind::TooLarge => "Send fewer or smaller images, or start over with --new",
        ProviderErrorKind::RateLimited => {
            "Wait a while, or check what the service still grants your account"
        }
        ProviderErrorKind::Server | ProviderErrorKind::Overloaded => {
            "Run this again in a while; what was done so far is kept"
        }
        ProviderErrorKind::Connect => "Check OPENAI_BASE_URL and the connection to the network",
        ProviderErrorKind::Timeout(_) | ProviderErrorKind::Interrupted => {
            "Run this again; what was done so far is kept"
        }
        ProviderErrorKind::InvalidResponse => {
            "Check that OPENAI_BASE_URL leads to an OpenAI-compatible service"
        }
        ProviderErrorKind::Config => "Check the variables that begin with OPENAI_",
        _ => return None,
    })
}

fn for_storage(kind: StorageErrorKind) -> Option<&'static str> {
    Some(match kind {
        StorageErrorKind::NotFound => "Start over with --new, or bring the media directory back",
        StorageErrorKind::Permission => {
            "Make the media directory writable for this user, or choose another with --media-dir"
        }
        StorageErrorKind::DiskSpace => "Free some space, or choose another disk with --media-dir",
        StorageErrorKind::Corrupted => {
            "Bring the media directory back from a backup, or start over with --new"
        }
        StorageErrorKind::InvalidRef => {
            "Use the media directory that belongs to this conversation, or start over with --new"
        }
        StorageErrorKind::TooLarge => "Use a smaller file",
        StorageErrorKind::Config => "Choose another directory with --media-dir",
        StorageErrorKind::Unavailable => {
            "See that the media directory is there, then run this again"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use media_storage::Operation;

    use super::*;

    #[test]
    fn the_innermost_known_error_gives_the_advice() {
        let full = StorageError::new(StorageErrorKind::DiskSpace, Operation::Store);
        let outer = Failure::new("the turn failed", "x").with_source(full);
        let report = failed(outer).report();
        assert!(
            report.starts_with("error: the turn failed. Free some space"),
            "{report}"
        );
        assert!(report.contains("\n  caused by: "), "{report}");
    }

    #[test]
    fn unknown_errors_get_an_advice_too() {
        let report = failed(std::io::Error::other("odd")).report();
        assert_eq!(
            report,
            "error: odd. See the causes below; RUST_LOG=debug tells more.\n"
        );
    }
}
