//! What a failure means to the caller.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use media_storage::{Operation, StorageErrorKind as Kind};
use object_store::Error as StoreError;

use super::failure::{BAD_CERTIFICATE, PLAIN_HTTP, ServiceFailure};
use super::verb::Verb;

/// Kind and reason of a failure.
pub(super) struct Classification {
    pub(super) kind: Kind,
    pub(super) reason: Option<Cow<'static, str>>,
}

fn verdict(kind: Kind, reason: impl Into<Cow<'static, str>>) -> Classification {
    Classification {
        kind,
        reason: Some(reason.into()),
    }
}

fn unexplained(kind: Kind) -> Classification {
    Classification { kind, reason: None }
}

/// Classifies a failure by the service's code, then by status and transport, then by the variant of
/// `object_store`.
pub(super) fn classify(
    error: &StoreError,
    failure: &ServiceFailure,
    operation: Operation,
    verb: Verb,
) -> Classification {
    if failure.metadata_service() {
        return no_credentials(operation);
    }
    by_code(failure)
        .or_else(|| by_status(failure, verb))
        .or_else(|| by_cause(error))
        .unwrap_or_else(|| by_variant(error, verb))
}

/// A machine without a metadata service is config_error; on a machine that had one when the store
/// was opened, the failure is temporary.
fn no_credentials(operation: Operation) -> Classification {
    match operation {
        Operation::Open => verdict(
            Kind::Config,
            "no credentials were given, and this machine's metadata service provides none",
        ),
        _ => verdict(
            Kind::Unavailable,
            "this machine's metadata service provides no credentials",
        ),
    }
}

/// Codes of S3 and its relatives, of the XML API of GCS, and of Azure.
fn by_code(failure: &ServiceFailure) -> Option<Classification> {
    let found = match failure.code()? {
        "NoSuchBucket" => verdict(Kind::Config, "the bucket does not exist"),
        "ContainerNotFound" => verdict(Kind::Config, "the container does not exist"),
        "InvalidBucketName" => verdict(Kind::Config, "the name of the bucket is not valid"),
        "InvalidAccessKeyId" | "NotSignedUp" => {
            verdict(Kind::Config, "the service does not know the access key id")
        }
        "SignatureDoesNotMatch" => verdict(
            Kind::Config,
            "the secret access key does not belong to the access key id, or a proxy changes requests",
        ),
        "AuthorizationFailure" => verdict(
            Kind::Permission,
            "the account key is wrong, or the network rules of the account deny access from here",
        ),
        "AuthenticationFailed" | "InvalidAuthenticationInfo" => verdict(
            Kind::Config,
            "the account key, the token or this machine's clock is wrong",
        ),
        "RequestTimeTooSkewed" | "RequestExpired" => verdict(
            Kind::Config,
            "this machine's clock is wrong by more than the service accepts",
        ),
        "ExpiredToken" | "TokenRefreshRequired" => {
            verdict(Kind::Config, "the temporary credential has expired")
        }
        "InvalidToken" => verdict(Kind::Config, "the session token is not valid"),
        "AuthorizationHeaderMalformed"
        | "PermanentRedirect"
        | "IncorrectEndpoint"
        | "IllegalLocationConstraintException" => wrong_region(failure),
        "SlowDown" | "TooManyRequests" | "RequestLimitExceeded" => verdict(
            Kind::RateLimited,
            "the service takes fewer requests than were made",
        ),
        "RequestTimeout" | "ServerBusy" | "OperationTimedOut" | "InternalError" => {
            verdict(Kind::Unavailable, "the service is busy")
        }
        "ContainerBeingDeleted" => verdict(Kind::Unavailable, "the container is being deleted"),
        "EntityTooLarge" | "RequestBodyTooLarge" => verdict(
            Kind::TooLarge,
            "the object is larger than the service accepts",
        ),
        "QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage" => verdict(
            Kind::DiskSpace,
            "the service has no space left for this account",
        ),
        "KeyTooLongError" => verdict(
            Kind::InvalidInput,
            "the key is longer than the service accepts",
        ),
        _ => return None,
    };
    Some(found)
}

fn wrong_region(failure: &ServiceFailure) -> Classification {
    match failure.region() {
        Some(region) => verdict(
            Kind::Config,
            format!("the region or endpoint is wrong; the service expects region {region}"),
        ),
        None => verdict(
            Kind::Config,
            "the region or endpoint is wrong: the bucket is in another region",
        ),
    }
}

fn by_status(failure: &ServiceFailure, verb: Verb) -> Option<Classification> {
    if failure.redirected() {
        return Some(wrong_region(failure));
    }
    if let Some(word) = failure.transport() {
        return Some(match word {
            PLAIN_HTTP => verdict(
                Kind::Config,
                "the endpoint is plain http; use https, or set the option allow_http to true",
            ),
            BAD_CERTIFICATE => verdict(Kind::Config, BAD_CERTIFICATE),
            _ => unexplained(Kind::Unavailable),
        });
    }
    match failure.status()? {
        401 | 403 => {
            // Without the right to list, S3 answers 403 instead of 404.
            let hint = match verb {
                Verb::Read => ", or the object does not exist and the credential may not list",
                _ => "",
            };
            Some(verdict(
                Kind::Permission,
                format!("the credential may not {}{hint}", verb.infinitive()),
            ))
        }
        404 => Some(unexplained(Kind::NotFound)),
        304 | 408 | 409 | 412 | 425 => Some(unexplained(Kind::Unavailable)),
        429 => Some(unexplained(Kind::RateLimited)),
        413 => Some(unexplained(Kind::TooLarge)),
        416 => Some(unexplained(Kind::Corrupted)),
        405 | 501 => Some(verdict(
            Kind::Unsupported,
            "the service does not support this request",
        )),
        507 => Some(unexplained(Kind::DiskSpace)),
        500.. => Some(unexplained(Kind::Unavailable)),
        _ => None,
    }
}

/// Classifies by the causes that other implementations of `ObjectStore` have.
fn by_cause(error: &StoreError) -> Option<Classification> {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(cause) = next {
        let kind = match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::NotFound) => Some(Kind::NotFound),
            Some(io::ErrorKind::PermissionDenied) => Some(Kind::Permission),
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                Some(Kind::DiskSpace)
            }
            Some(io::ErrorKind::TimedOut) => Some(Kind::Unavailable),
            _ => None,
        };
        if let Some(kind) = kind {
            return Some(unexplained(kind));
        }
        next = cause.source();
    }
    None
}

fn by_variant(error: &StoreError, verb: Verb) -> Classification {
    match error {
        StoreError::NotFound { .. } => unexplained(Kind::NotFound),
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => verdict(
            Kind::Permission,
            format!("the credential may not {}", verb.infinitive()),
        ),
        StoreError::AlreadyExists { .. }
        | StoreError::Precondition { .. }
        | StoreError::NotModified { .. } => unexplained(Kind::Unavailable),
        StoreError::NotSupported { .. } | StoreError::NotImplemented { .. } => verdict(
            Kind::Unsupported,
            "the object store does not support this request",
        ),
        StoreError::InvalidPath { .. } if verb == Verb::List => verdict(
            Kind::Config,
            "an object under the prefix has a name that is not valid, such as one with an empty \
             segment; the prefix must belong to the store alone",
        ),
        StoreError::InvalidPath { .. } => unexplained(Kind::InvalidRef),
        StoreError::UnknownConfigurationKey { .. } => unexplained(Kind::Config),
        _ => verdict(Kind::Other, verb.failure()),
    }
}
