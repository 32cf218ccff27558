//! The headers of a response with media.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName,
    LAST_MODIFIED, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};
use media_storage::StoredMedia;
use media_types::{MediaType, Mime};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::conditions::Validators;
use crate::link::Disposition;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// What may stand unencoded in an extended parameter, by RFC 8187, less some characters.
const PARAMETER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Nothing is loaded and nothing runs, whatever the media turns out to be.
const SANDBOX: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// The viewers of browsers do not open a sandboxed PDF.
const PDF: &str = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'";

/// What is the same for all media of a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeaderPolicy {
    /// Whether pages of other sites may embed the media.
    pub(super) cross_origin: bool,
}

/// Returns the headers that go with the media, whole, in part, or unchanged.
pub(super) fn of_media(
    stored: &StoredMedia,
    disposition: Disposition,
    validators: Validators<'_>,
    fresh_for: i64,
    policy: HeaderPolicy,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| {
        // What a header cannot hold is left out; types and names were made for headers above.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(CONTENT_TYPE, content_type(&stored.mime).as_str());
    set(ETAG, validators.tag);
    if let Some(modified) = validators.modified {
        set(LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    }
    let fresh_for = fresh_for.max(0);
    set(
        CACHE_CONTROL,
        &format!("private, max-age={fresh_for}, immutable"),
    );
    set(
        CONTENT_DISPOSITION,
        &content_disposition(stored, disposition),
    );
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    let is_pdf = stored.mime == Mime::APPLICATION_PDF;
    set(CONTENT_SECURITY_POLICY, if is_pdf { PDF } else { SANDBOX });
    let embeds = if policy.cross_origin {
        "cross-origin"
    } else {
        "same-site"
    };
    set(RESOURCE_POLICY, embeds);
    set(REFERRER_POLICY, "no-referrer");
    headers
}

/// Returns the type as it is sent. Text is UTF-8: browsers would guess.
fn content_type(mime: &Mime) -> String {
    match mime.as_str() {
        text if text.starts_with("text/") => format!("{text}; charset=utf-8"),
        other => other.to_owned(),
    }
}

/// Whether a browser can show media of this type without running anything in it.
fn is_safe_inline(mime: &Mime) -> bool {
    if mime.is_active() {
        return false;
    }
    match mime.media_type() {
        MediaType::Image | MediaType::Audio | MediaType::Video => true,
        _ => matches!(mime.as_str(), "application/pdf" | "text/plain"),
    }
}

fn content_disposition(stored: &StoredMedia, disposition: Disposition) -> String {
    let word = match disposition {
        Disposition::Inline if is_safe_inline(&stored.mime) => "inline",
        _ => "attachment",
    };
    let default = || format!("media.{}", stored.mime.extension());
    let name = stored
        .metadata
        .filename()
        .map_or_else(default, |name| name.replace(['/', '\\'], "_"));
    let plain: String = name
        .chars()
        .map(|c| match c {
            ' '..='~' if !matches!(c, '"' | '%') => c,
            _ => '_',
        })
        .collect();
    if plain == name {
        return format!("{word}; filename=\"{plain}\"");
    }
    let encoded = utf8_percent_encode(&name, PARAMETER);
    format!("{word}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use media_storage::{MediaBody, MediaMetadata};

    use super::*;

    fn stored(mime: &str, name: Option<&str>) -> StoredMedia {
        let mut metadata = MediaMetadata::new();
        if let Some(name) = name {
            metadata = metadata.with_filename(name.to_owned());
        }
        StoredMedia::new(mime.parse().unwrap(), 1, MediaBody::from_bytes("x"))
            .with_metadata(metadata)
    }

    #[test]
    fn only_what_cannot_run_is_shown_in_a_page() {
        let word = |mime: &str| {
            let value = content_disposition(&stored(mime, None), Disposition::Inline);
            value.split_once(';').unwrap().0.to_owned()
        };
        for mime in [
            "image/png",
            "audio/mpeg",
            "video/mp4",
            "application/pdf",
            "text/plain",
        ] {
            assert_eq!(word(mime), "inline", "{mime}");
        }
        for mime in [
            "image/svg+xml",
            "text/html",
            "application/xhtml+xml",
            "application/xml",
            "text/xml",
            "text/javascript",
            "application/javascript",
            "text/css",
            "application/octet-stream",
            "application/zip",
            "application/x-shockwave-flash",
        ] {
            assert_eq!(word(mime), "attachment", "{mime}");
        }
    }

    #[test]
    fn names_stay_inside_of_the_header() {
        let value = |name: &str| {
            content_disposition(&stored("image/png", Some(name)), Disposition::Attachment)
        };
        assert_eq!(value("a b.png"), r#"attachment; filename="a b.png""#);
        let evil = "x\"; filename=evil.exe\r\nSet-Cookie: a=b";
        assert_eq!(
            value(evil),
            "attachment; filename=\"x_; filename=evil.exe__Set-Cookie: a=b\"; \
             filename*=UTF-8''x%22%3B%20filename%3Devil.exe%0D%0ASet-Cookie%3A%20a%3Db"
        );
        assert_eq!(
            value("../日.png"),
            "attachment; filename=\"..__.png\"; filename*=UTF-8''.._%E6%97%A5.png"
        );
        assert!(HeaderValue::from_str(&value(evil)).is_ok());
        let unnamed = content_disposition(&stored("image/png", None), Disposition::Inline);
        assert_eq!(unnamed, r#"inline; filename="media.png""#);
    }
}
