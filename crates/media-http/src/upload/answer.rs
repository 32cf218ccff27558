//! What a client gets back.

use chrono::{DateTime, Utc};
use http::header::{ACCEPT_ENCODING, ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use media_storage::{Operation, StorageError, StorageErrorKind};
use media_types::{Mime, StorageReference};
use serde::Serialize;

use super::policy::UploadRefusal;
use crate::service::{ResponseBody, describe, json, retry_after};

/// Methods that are answered.
pub(super) const METHODS: &str = "POST, PUT, OPTIONS";

/// An item that was stored, as it stands in the response.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct UploadedMedia {
    /// The reference, for a later message. It is no permission.
    pub reference: StorageReference,
    /// Type of the media, by its bytes.
    pub mime_type: Mime,
    /// Size of the media, in bytes.
    pub size: u64,
    /// Name of the file, as the client gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// A link to the media, if the service signs links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When the link expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_expires_at: Option<DateTime<Utc>>,
}

impl UploadedMedia {
    /// Creates an item without a link, for services that describe uploads which came another way and sign links by
    /// [`sign_links`](crate::sign_links).
    pub fn new(reference: StorageReference, mime_type: Mime, size: u64) -> Self {
        Self {
            reference,
            mime_type,
            size,
            filename: None,
            url: None,
            url_expires_at: None,
        }
    }

    /// Sets the name of the file. Defaults to none.
    #[must_use]
    pub fn with_filename(mut self, filename: Option<String>) -> Self {
        self.filename = filename;
        self
    }
}

/// Why a request to upload failed.
#[derive(Debug)]
pub(crate) enum UploadFailure {
    Refused(UploadRefusal),
    Method,
    /// A form that cannot be read, or a body without bytes.
    Malformed(&'static str),
    TooMany(usize),
    Type,
    /// The body has a content coding.
    Encoding,
    /// The client sent nothing for too long.
    Idle,
    Storage(StorageError),
}

impl From<StorageError> for UploadFailure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<&'static str> for UploadFailure {
    fn from(reason: &'static str) -> Self {
        Self::Malformed(reason)
    }
}

/// Returns the response for what was stored.
pub(crate) fn respond_items(status: StatusCode, items: &[UploadedMedia]) -> Response<ResponseBody> {
    json(status, &serde_json::json!({ "items": items }))
}

impl UploadFailure {
    /// Returns the failure of an upload that is larger than its grant.
    pub(crate) fn too_large() -> Self {
        StorageError::new(StorageErrorKind::TooLarge, Operation::Store).into()
    }

    pub(crate) fn into_response(self) -> Response<ResponseBody> {
        let (status, code, message) = self.parts();
        let mut response = describe(status, code, &message);
        let headers = response.headers_mut();
        match &self {
            Self::Refused(UploadRefusal::Unauthorized) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Refused(UploadRefusal::TooManyRequests(after)) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
            }
            Self::Storage(error) if error.is_retryable() => {
                headers.insert(RETRY_AFTER, retry_after(error));
            }
            Self::Method => {
                headers.insert(ALLOW, HeaderValue::from_static(METHODS));
            }
            Self::Encoding => {
                // So that a client tells it apart from a type that is refused (RFC 9110, section 12.5.3).
                headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            _ => {}
        }
        response
    }

    /// Returns status, code and words. What a store says of itself stays in the log.
    fn parts(&self) -> (StatusCode, &'static str, String) {
        let (status, code, message) = match self {
            Self::Refused(refusal) => match refusal {
                UploadRefusal::Unauthorized => (
                    StatusCode::UNAUTHORIZED,
                    "unauthorized",
                    "sign in to upload",
                ),
                UploadRefusal::Forbidden => (
                    StatusCode::FORBIDDEN,
                    "forbidden",
                    "uploads are not permitted",
                ),
                UploadRefusal::TooManyRequests(_) => (
                    StatusCode::TOO_MANY_REQUESTS,
                    "too_many_requests",
                    "too many uploads; try again later",
                ),
                UploadRefusal::Unavailable => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "the upload could not be checked; try again later",
                ),
            },
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "use POST or PUT",
            ),
            Self::Malformed(reason) => (StatusCode::BAD_REQUEST, "malformed", *reason),
            Self::TooMany(most) => {
                let message = format!("at most {most} items can be uploaded at once");
                return (StatusCode::PAYLOAD_TOO_LARGE, "too_many_items", message);
            }
            Self::Type => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_type",
                "media of this type, judged by its bytes, cannot be uploaded",
            ),
            Self::Encoding => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_encoding",
                "uploads are sent without a content coding",
            ),
            Self::Idle => (
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                "no bytes of the upload came for too long",
            ),
            Self::Storage(error) => match error.kind() {
                StorageErrorKind::TooLarge => (
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too_large",
                    "the upload is larger than permitted",
                ),
                StorageErrorKind::QuotaExceeded => (
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "quota_exceeded",
                    "the quota for uploads is used up; delete something first",
                ),
                StorageErrorKind::InvalidInput => (
                    StatusCode::BAD_REQUEST,
                    "malformed",
                    "the upload could not be read to its end",
                ),
                // The target does not know the user, or not any more.
                StorageErrorKind::NotFound => (
                    StatusCode::FORBIDDEN,
                    "forbidden",
                    "uploads are not permitted",
                ),
                StorageErrorKind::DiskSpace => (
                    StatusCode::INSUFFICIENT_STORAGE,
                    "no_space",
                    "the server has no space left",
                ),
                StorageErrorKind::Unavailable | StorageErrorKind::RateLimited => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "the store is not available; try again later",
                ),
                _ => (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "failed",
                    "the upload could not be stored",
                ),
            },
        };
        (status, code, message.to_owned())
    }
}
