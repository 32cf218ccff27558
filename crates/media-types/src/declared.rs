//! The type of bytes of which a client says what they are.

use crate::mime::{MediaType, Mime};
use crate::sniff::sniff;

/// Returns the type that the first bytes of media show, and for data without a signature, such as text, the
/// declared one.
///
/// A declared image, audio, video or PDF without the bytes of one is `None`, and so is declared text that is
/// not UTF-8. A type with a wrong syntax counts as not declared; parameters are left out.
///
/// ```
/// use media_types::{Mime, sniff_declared};
///
/// let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
/// assert_eq!(sniff_declared(png, Some("image/jpeg")), Some(Mime::IMAGE_PNG));
/// assert_eq!(sniff_declared(b"hello", Some("image/png")), None);
/// let text = sniff_declared(b"hello", Some("text/plain; charset=utf-8"));
/// assert_eq!(text.unwrap().as_str(), "text/plain");
/// ```
pub fn sniff_declared(prefix: &[u8], declared: Option<&str>) -> Option<Mime> {
    if let Some(mime) = sniff(prefix) {
        return Some(mime);
    }
    let name = declared?.split(';').next()?.trim();
    let declared: Mime = name.parse().ok()?;
    let is_text = is_text(prefix);
    match declared.media_type() {
        // Scalable images are text, and have no signature.
        MediaType::Image if declared.is_active() && is_text => Some(declared),
        MediaType::Image | MediaType::Audio | MediaType::Video => None,
        // Documents, and kinds that do not exist yet.
        _ => {
            let says_text = declared.as_str().starts_with("text/")
                || matches!(declared.as_str(), "application/json" | "application/xml");
            if says_text && !is_text {
                return None;
            }
            // A PDF has a signature.
            (declared != Mime::APPLICATION_PDF).then_some(declared)
        }
    }
}

/// Whether bytes can be the beginning of UTF-8 text.
fn is_text(prefix: &[u8]) -> bool {
    if prefix.contains(&0) {
        return false;
    }
    match std::str::from_utf8(prefix) {
        Ok(_) => true,
        // The last character may be cut.
        Err(error) => error.error_len().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    #[test]
    fn bytes_decide() {
        let of = |prefix: &[u8], declared| {
            sniff_declared(prefix, declared).map(|m| m.as_str().to_owned())
        };
        let png = Some("image/png".to_owned());
        assert_eq!(of(PNG, Some("image/png")), png);
        assert_eq!(of(PNG, Some("image/jpeg")), png);
        assert_eq!(of(PNG, Some("text/html")), png);
        assert_eq!(of(PNG, None), png);
        assert_eq!(of(b"hello", Some("image/png")), None);
        assert_eq!(of(b"hello", Some("application/pdf")), None);
        assert_eq!(of(b"hello", None), None);
        assert_eq!(of(b"hello", Some("no type")), None);
        let text = Some("text/plain".to_owned());
        assert_eq!(of(b"hello", Some("text/plain; charset=utf-8")), text);
        assert_eq!(
            of(
                "caf\u{e9}".as_bytes().split_last().unwrap().1,
                Some("text/plain")
            ),
            text
        );
        assert_eq!(of(b"a\0b", Some("text/plain")), None);
    }
}
