//! From an error of `object_store` to an error of an operation.

use media_storage::{Operation, StorageError};

use super::classify::classify;
use super::failure::ServiceFailure;
use super::verb::Verb;

/// Converts an error of `object_store` into an error of an operation. The caller adds the backend.
pub(crate) fn from_object_store(
    error: object_store::Error,
    operation: Operation,
    verb: Verb,
) -> StorageError {
    let failure = ServiceFailure::of(&error);
    let class = classify(&error, &failure, operation, verb);
    let mut converted = StorageError::new(class.kind, operation);
    if let Some(reason) = class.reason {
        converted = converted.with_reason(reason);
    }
    converted.with_source(failure)
}

#[cfg(test)]
mod tests {
    use media_storage::StorageErrorKind;
    use object_store::Error as StoreError;

    use super::*;

    fn generic(text: &str) -> StoreError {
        StoreError::Generic {
            store: "any",
            source: text.into(),
        }
    }

    #[test]
    fn a_part_of_a_batch_has_a_status() {
        let text = "Bulk delete request failed for key a/b: not authorized (code: 403)";
        let error = from_object_store(generic(text), Operation::Delete, Verb::Delete);
        assert_eq!(error.kind(), StorageErrorKind::Permission);
        assert!(error.to_string().ends_with("the credential may not delete"));
    }

    #[test]
    fn messages_of_garage_are_classified_by_their_words() {
        for (message, words) in [
            (
                "Forbidden: No such key: GK37f3",
                "does not know the access key id",
            ),
            (
                "Forbidden: Invalid signature",
                "the secret access key does not belong",
            ),
        ] {
            let body = format!(
                "Server returned non-2xx status code: 403 Forbidden: <Error><Code>AccessDenied</Code>\
                 <Message>{message}</Message><Region>garage</Region></Error>"
            );
            let error = from_object_store(generic(&body), Operation::Open, Verb::Write);
            assert_eq!(error.kind(), StorageErrorKind::Config);
            assert!(error.to_string().contains(words), "{error}");
            assert!(!format!("{error:?}").contains("GK37f3"), "{error:?}");
        }
    }

    #[test]
    fn a_missing_metadata_service_means_missing_credentials() {
        let text = "Error performing GET http://169.254.169.254/latest/api/token in 1s";
        let error = from_object_store(generic(text), Operation::Open, Verb::List);
        assert_eq!(error.kind(), StorageErrorKind::Config);
        assert!(error.to_string().contains("no credentials"), "{error}");
        let error = from_object_store(generic(text), Operation::Store, Verb::Write);
        assert!(error.is_retryable());
    }
}
