//! What a client gets back.

use std::io;

use chrono::{DateTime, Utc};
use http::header::{ALLOW, LOCATION};
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::append::AppendFailure;
use super::checksum::ALGORITHMS;
use super::error::SpoolFailure;
use super::headers::{
    EXTENSIONS, TUS_CHECKSUM_ALGORITHM, TUS_EXTENSION, TUS_RESUMABLE, TUS_VERSION, UPLOAD_EXPIRES,
    UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET, VERSION,
};
use super::held::HeldUpload;
use crate::service::{ResponseBody, describe, empty as unversioned, methods};
use crate::upload::UploadFailure;

/// Methods that are answered.
const METHODS: &str = "POST, HEAD, PATCH, DELETE, GET, OPTIONS";

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// As for uploads in one piece.
    Upload(UploadFailure),
    /// There is no such upload: unknown, expired, of another user.
    NotFound,
    Method,
    /// The client speaks another version of the protocol.
    Version,
    /// The body of a part has another type.
    ContentType,
    /// The part begins elsewhere than the upload ends.
    Offset,
    /// Another request for the upload came.
    Superseded,
    Checksum,
    /// The user has too many unfinished uploads.
    TooMany,
    /// The spool is full.
    Full,
    /// The result of an upload was asked for that is not complete.
    Incomplete,
    Io(io::Error),
}

impl From<UploadFailure> for Failure {
    fn from(failure: UploadFailure) -> Self {
        Self::Upload(failure)
    }
}

impl From<&'static str> for Failure {
    fn from(reason: &'static str) -> Self {
        Self::Upload(reason.into())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<SpoolFailure> for Failure {
    fn from(failure: SpoolFailure) -> Self {
        match failure {
            SpoolFailure::NotFound => Self::NotFound,
            SpoolFailure::TooMany => Self::TooMany,
            SpoolFailure::Full => Self::Full,
            SpoolFailure::Io(error) => Self::Io(error),
        }
    }
}

impl From<AppendFailure> for Failure {
    fn from(failure: AppendFailure) -> Self {
        match failure {
            AppendFailure::TooLong => Self::Upload(UploadFailure::too_large()),
            AppendFailure::Type => Self::Upload(UploadFailure::Type),
            AppendFailure::Checksum => Self::Checksum,
            AppendFailure::Cut(error) => Self::Upload(UploadFailure::Storage(error)),
            AppendFailure::Superseded => Self::Superseded,
            AppendFailure::Io(error) => Self::Io(error),
        }
    }
}

impl Failure {
    pub(super) fn into_response(self) -> Response<ResponseBody> {
        let (status, code, message) = match self {
            Self::Upload(failure) => return with_version(failure.into_response()),
            Self::NotFound => (404, "not_found", "there is no such upload"),
            Self::Method => (405, "method_not_allowed", "the method is not supported"),
            Self::Version => (
                412,
                "unsupported_version",
                "Tus-Resumable is missing or of another version",
            ),
            Self::ContentType => (
                415,
                "unsupported_part_type",
                "the body of a part is application/offset+octet-stream",
            ),
            Self::Offset => (
                409,
                "offset_mismatch",
                "the part begins elsewhere than the upload ends",
            ),
            Self::Superseded => (
                423,
                "superseded",
                "another request for this upload has arrived",
            ),
            Self::Checksum => (460, "checksum_mismatch", "the part has another checksum"),
            Self::TooMany => (
                429,
                "too_many_uploads",
                "finish or delete other uploads first",
            ),
            Self::Full => (
                507,
                "no_space",
                "the server has no space left for uploads; try again later",
            ),
            Self::Incomplete => (409, "incomplete", "the upload is not complete"),
            Self::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
                (507, "no_space", "the server has no space left")
            }
            Self::Io(_) => (500, "failed", "the part could not be kept"),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = with_version(describe(status, code, message));
        match status {
            StatusCode::PRECONDITION_FAILED => {
                set(&mut response, TUS_VERSION, VERSION);
            }
            StatusCode::METHOD_NOT_ALLOWED => set(&mut response, ALLOW, METHODS),
            _ => {}
        }
        response
    }
}

/// Returns what the service can do.
pub(super) fn options() -> Response<ResponseBody> {
    let mut response = with_version(methods(METHODS));
    for (name, value) in [
        (TUS_VERSION, VERSION),
        (TUS_EXTENSION, EXTENSIONS),
        (TUS_CHECKSUM_ALGORITHM, ALGORITHMS),
    ] {
        set(&mut response, name, value);
    }
    response
}

/// Returns the response for an upload that began. It says how many bytes came at once, if any.
pub(super) fn created(
    location: HeaderValue,
    expires_at: DateTime<Utc>,
    upload: Option<&HeldUpload>,
) -> Response<ResponseBody> {
    let mut response = empty(StatusCode::CREATED);
    response.headers_mut().insert(LOCATION, location);
    set_expiry(&mut response, expires_at);
    if let Some(upload) = upload {
        set_offset(&mut response, upload);
    }
    response
}

/// Returns the response for a part that was taken.
pub(super) fn appended(upload: &HeldUpload) -> Response<ResponseBody> {
    let mut response = empty(StatusCode::NO_CONTENT);
    set_offset(&mut response, upload);
    set_expiry(&mut response, upload.record().expires_at);
    response
}

/// Returns how far an upload has come.
pub(super) fn state(upload: &HeldUpload) -> Response<ResponseBody> {
    let mut response = empty(StatusCode::OK);
    let record = upload.record();
    set_offset(&mut response, upload);
    set_expiry(&mut response, record.expires_at);
    let length = HeaderValue::from(record.length);
    response.headers_mut().insert(UPLOAD_LENGTH, length);
    if !record.metadata.is_empty() {
        set(&mut response, UPLOAD_METADATA, &record.metadata);
    }
    response
}

/// Returns the response for an upload that was removed.
pub(super) fn removed() -> Response<ResponseBody> {
    empty(StatusCode::NO_CONTENT)
}

/// Adds the version of the protocol.
pub(super) fn with_version(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    set(&mut response, TUS_RESUMABLE, VERSION);
    response
}

fn empty(status: StatusCode) -> Response<ResponseBody> {
    with_version(unversioned(status))
}

fn set_offset(response: &mut Response<ResponseBody>, upload: &HeldUpload) {
    let offset = HeaderValue::from(upload.offset());
    response.headers_mut().insert(UPLOAD_OFFSET, offset);
}

fn set_expiry(response: &mut Response<ResponseBody>, expires_at: DateTime<Utc>) {
    let date = httpdate::fmt_http_date(expires_at.into());
    set(response, UPLOAD_EXPIRES, &date);
}

/// Sets a header. The value is ASCII, since it is ours or came in a header.
fn set(response: &mut Response<ResponseBody>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
