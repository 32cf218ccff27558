//! What the head of a request says of its body.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use super::answer::UploadFailure;
use super::multipart::boundary;
use crate::service::{number, single};

/// The head of an upload in one piece.
pub(super) struct UploadHead<'a> {
    pub(super) content_type: Option<&'a str>,
    /// What separates the items of a form; `None` for a raw body.
    pub(super) boundary: Option<String>,
    /// Announced size of the body, in bytes.
    pub(super) announced: Option<u64>,
}

impl<'a> UploadHead<'a> {
    pub(super) fn read(headers: &'a HeaderMap) -> Result<Self, UploadFailure> {
        check_plain(headers)?;
        // A part that counted as the whole would be other media.
        if headers.contains_key(CONTENT_RANGE) {
            return Err("a request carries the whole upload".into());
        }
        let content_type = single(headers, &CONTENT_TYPE)?;
        let announced = number(headers, &CONTENT_LENGTH)?;
        let boundary = content_type.and_then(boundary);
        let is_form = content_type.is_some_and(|name| {
            let group = name.trim_start().get(.."multipart/".len());
            group.is_some_and(|group| group.eq_ignore_ascii_case("multipart/"))
        });
        if is_form && boundary.is_none() {
            return Err("a form is multipart/form-data and has a boundary".into());
        }
        Ok(Self {
            content_type,
            boundary,
            announced,
        })
    }
}

/// Refuses a body that is encoded. It is stored as it comes, so that its type and its size would be those of
/// the encoding.
pub(crate) fn check_plain(headers: &HeaderMap) -> Result<(), UploadFailure> {
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    match codings.all(|coding| coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        true => Ok(()),
        false => Err(UploadFailure::Encoding),
    }
}

/// Returns the last segment of the path of a `PUT`.
pub(super) fn file_name(request: &Parts) -> Option<String> {
    if request.method != Method::PUT {
        return None;
    }
    let segment = request.uri.path().rsplit('/').next()?;
    let name = percent_decode_str(segment).decode_utf8().ok()?;
    Some(name.into_owned())
}
