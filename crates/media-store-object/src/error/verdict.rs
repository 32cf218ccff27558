//! What a failure means to whoever called.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use media_storage::{Operation, StorageErrorKind as Kind};
use object_store::Error as StoreError;

use super::Verb;
use super::failure::{BAD_CERTIFICATE, PLAIN_HTTP, ServiceFailure};

/// Kind and reason of a failure.
pub(super) struct Verdict {
    pub(super) kind: Kind,
    pub(super) reason: Option<Cow<'static, str>>,
}

fn verdict(kind: Kind, reason: impl Into<Cow<'static, str>>) -> Verdict {
    Verdict {
        kind,
        reason: Some(reason.into()),
    }
}

/// Judges by the service's code, then by status and transport, then by `object_store`'s variant.
pub(super) fn judge(
    error: &StoreError,
    failure: &ServiceFailure,
    operation: Operation,
    verb: Verb,
) -> Verdict {
    if failure.metadata_service() {
        return no_credentials(operation);
    }
    by_code(failure)
        .or_else(|| by_answer(failure, verb))
        .or_else(|| by_cause(error))
        .unwrap_or_else(|| by_variant(error, verb))
}

/// On a machine that never had a metadata service this is a matter of set-up; on one that had it when
/// the store was opened, of a moment.
fn no_credentials(operation: Operation) -> Verdict {
    match operation {
        Operation::Open => verdict(
            Kind::Config,
            "no credentials were given, and this machine's metadata service gives none",
        ),
        _ => verdict(
            Kind::Unavailable,
            "this machine's metadata service gives no credentials",
        ),
    }
}

/// Codes of S3 and its relatives, of the XML API of GCS, and of Azure.
fn by_code(failure: &ServiceFailure) -> Option<Verdict> {
    let found = match failure.code()? {
        "NoSuchBucket" => verdict(Kind::Config, "the bucket does not exist"),
        "ContainerNotFound" => verdict(Kind::Config, "the container does not exist"),
        "InvalidBucketName" => verdict(Kind::Config, "the bucket's name is not valid"),
        "InvalidAccessKeyId" | "NotSignedUp" => {
            verdict(Kind::Config, "the service does not know the access key id")
        }
        "SignatureDoesNotMatch" => verdict(
            Kind::Config,
            "the secret access key does not belong to the access key id, or a proxy changes requests",
        ),
        "AuthorizationFailure" => verdict(
            Kind::Permission,
            "the account key is wrong, or the account's network rules let nobody in from here",
        ),
        "AuthenticationFailed" | "InvalidAuthenticationInfo" => verdict(
            Kind::Config,
            "the account key or token is wrong, or this machine's clock is",
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
        "RequestTimeout" | "SlowDown" | "ServerBusy" | "OperationTimedOut" | "InternalError" => {
            verdict(Kind::Unavailable, "the service is busy")
        }
        "ContainerBeingDeleted" => verdict(Kind::Unavailable, "the container is being deleted"),
        "EntityTooLarge" | "RequestBodyTooLarge" => {
            verdict(Kind::TooLarge, "larger than the service accepts")
        }
        "QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage" => verdict(
            Kind::DiskSpace,
            "the service has no space left for this account",
        ),
        "KeyTooLongError" => verdict(
            Kind::InvalidInput,
            "the key is longer than the service takes",
        ),
        _ => return None,
    };
    Some(found)
}

fn wrong_region(failure: &ServiceFailure) -> Verdict {
    match failure.region() {
        Some(region) => verdict(
            Kind::Config,
            format!("the region or endpoint is wrong; the service expects region {region}"),
        ),
        None => verdict(
            Kind::Config,
            "the region or endpoint is wrong: the bucket is elsewhere",
        ),
    }
}

fn by_answer(failure: &ServiceFailure, verb: Verb) -> Option<Verdict> {
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
            _ => Verdict {
                kind: Kind::Unavailable,
                reason: None,
            },
        });
    }
    let plain = |kind| Verdict { kind, reason: None };
    match failure.status()? {
        401 | 403 => {
            // Without the right to list, S3 says 403 where it would say 404.
            let hint = match verb {
                Verb::Read => ", or the object is not there and it may not list",
                _ => "",
            };
            Some(verdict(
                Kind::Permission,
                format!("the credential may not {}{hint}", verb.word()),
            ))
        }
        404 => Some(plain(Kind::NotFound)),
        408 | 409 | 425 | 429 => Some(plain(Kind::Unavailable)),
        304 | 412 => Some(plain(Kind::Unavailable)),
        413 => Some(plain(Kind::TooLarge)),
        416 => Some(plain(Kind::Corrupted)),
        405 | 501 => Some(verdict(
            Kind::Unsupported,
            "the service does not know this call",
        )),
        507 => Some(plain(Kind::DiskSpace)),
        500.. => Some(plain(Kind::Unavailable)),
        _ => None,
    }
}

/// Causes that other implementations of `ObjectStore` bring.
fn by_cause(error: &StoreError) -> Option<Verdict> {
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
            return Some(Verdict { kind, reason: None });
        }
        next = cause.source();
    }
    None
}

fn by_variant(error: &StoreError, verb: Verb) -> Verdict {
    let plain = |kind| Verdict { kind, reason: None };
    match error {
        StoreError::NotFound { .. } => plain(Kind::NotFound),
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => verdict(
            Kind::Permission,
            format!("the credential may not {}", verb.word()),
        ),
        StoreError::AlreadyExists { .. }
        | StoreError::Precondition { .. }
        | StoreError::NotModified { .. } => plain(Kind::Unavailable),
        StoreError::NotSupported { .. } | StoreError::NotImplemented { .. } => verdict(
            Kind::Unsupported,
            "the object store does not have this call",
        ),
        StoreError::InvalidPath { .. } if verb == Verb::List => verdict(
            Kind::Config,
            "there is an object under the prefix whose name cannot be read, such as one with an \
             empty segment; the prefix must be the store's alone",
        ),
        StoreError::InvalidPath { .. } => plain(Kind::InvalidRef),
        StoreError::UnknownConfigurationKey { .. } => plain(Kind::Config),
        _ => verdict(
            Kind::Other,
            format!(
                "an object could not be {}",
                match verb {
                    Verb::Read => "read",
                    Verb::Write => "written",
                    Verb::Delete => "deleted",
                    Verb::List => "listed",
                }
            ),
        ),
    }
}
