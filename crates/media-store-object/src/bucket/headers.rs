//! Headers that are stored with media, and that a plain GET of it returns.

use std::time::Duration;

use chrono::{DateTime, Utc};
use media_types::Mime;
use object_store::{Attribute, Attributes};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::caching::cache_control;

/// Everything that a file name in a header encodes.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// Maximum length of an encoded file name in a header, in bytes.
const MAX_NAME: usize = 200;

/// Returns the headers of media that is not shared. Media that expires must not be cached without
/// asking the service again: how long it may be cached depends on the time of the request, which a
/// stored header cannot.
pub(crate) fn attributes(
    mime: &Mime,
    filename: Option<&str>,
    expires_at: Option<DateTime<Utc>>,
) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, mime.as_str().to_owned().into());
    let disposition = content_disposition(mime, filename);
    attributes.insert(Attribute::ContentDisposition, disposition.into());
    let cache_control = cache_control(expires_at.map(|_| Duration::ZERO));
    attributes.insert(Attribute::CacheControl, cache_control.into());
    attributes
}

/// Returns the headers of bytes that references share; type and name belong to the references.
pub(crate) fn shared_attributes() -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::ContentType, "application/octet-stream".into());
    attributes
}

/// Returns the `Content-Disposition` of media. Types that a browser executes are attachments. The
/// file name is encoded by RFC 8187.
pub(crate) fn content_disposition(mime: &Mime, filename: Option<&str>) -> String {
    let kind = if mime.is_active() {
        "attachment"
    } else {
        "inline"
    };
    let name = filename.map(last_segment).filter(|name| !name.is_empty());
    match name {
        Some(name) => format!("{kind}; filename*=UTF-8''{}", encoded(name)),
        None => kind.to_owned(),
    }
}

fn last_segment(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default()
}

fn encoded(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars().filter(|c| !c.is_control()) {
        let mut buffer = [0; 4];
        text.extend(utf8_percent_encode(
            character.encode_utf8(&mut buffer),
            ENCODED,
        ));
        if text.len() >= MAX_NAME {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_header() {
        let disposition = content_disposition(
            &Mime::IMAGE_PNG,
            Some("../x\"y\r\nSet-Cookie: a=\u{e9}.png"),
        );
        assert_eq!(
            disposition,
            "inline; filename*=UTF-8''x%22ySet-Cookie%3A%20a%3D%C3%A9.png"
        );
        assert_eq!(content_disposition(&Mime::IMAGE_PNG, Some("a/")), "inline");
        assert_eq!(content_disposition(&Mime::TEXT_HTML, None), "attachment");
        let long = content_disposition(&Mime::IMAGE_PNG, Some(&"\u{e9}".repeat(5000)));
        assert!(long.len() < 260, "{long}");
    }
}
