//! Detecting types by the first bytes.

use crate::mime::Mime;

/// Number of bytes from the start that [`sniff`] uses.
pub const SNIFF_LEN: usize = 1024;

/// Returns the type that the first bytes of media show, if they show one.
///
/// Magic numbers do not prove that a file is harmless or complete. Only the first [`SNIFF_LEN`] bytes are
/// used. Signatures are those of the [`infer`](https://docs.rs/infer) crate; SVG and HTML are detected by
/// their first tag.
///
/// ```
/// use media_types::{Mime, sniff};
/// assert_eq!(sniff(b"\x89PNG\r\n\x1a\n...."), Some(Mime::IMAGE_PNG));
/// assert_eq!(sniff(b"<?xml version='1.0'?><svg/>"), Some(Mime::IMAGE_SVG));
/// assert_eq!(sniff(b"hello"), None);
/// ```
pub fn sniff(bytes: &[u8]) -> Option<Mime> {
    let head = bytes.get(..SNIFF_LEN).unwrap_or(bytes);
    if let Some(mime) = sniff_markup(head) {
        return Some(mime);
    }
    // `infer` reports every image in a HEIF container as HEIF; providers require HEIC by its name.
    if matches!(head.get(4..12), Some(b"ftypheic" | b"ftypheix")) {
        return Some(Mime::IMAGE_HEIC);
    }
    // The type of an EBML file is a word in its header, at no fixed place.
    if let Some(ebml) = head.strip_prefix(b"\x1a\x45\xdf\xa3") {
        let header = ebml.get(..64).unwrap_or(ebml);
        if header.windows(4).any(|word| word == b"webm") {
            return Some(Mime::VIDEO_WEBM);
        }
        if header.windows(8).any(|word| word == b"matroska") {
            return Some(Mime::VIDEO_MATROSKA);
        }
    }
    infer::get(head).and_then(|found| found.mime_type().parse().ok())
}

/// Returns the type of text that stands where media should be, which is how servers report errors: HTML, SVG
/// or JSON, also as UTF-16, and behind NULs and white space. `None` for everything else.
///
/// Ask only about bytes that [`sniff`] does not know and that should be an image, audio or video.
///
/// ```
/// use media_types::{Mime, sniff_page};
/// assert_eq!(sniff_page(b"{\"error\": \"gone\"}"), Some(Mime::APPLICATION_JSON));
/// assert_eq!(sniff_page(b"\xff\xfe<\0h\0t\0m\0l\0>\0"), Some(Mime::TEXT_HTML));
/// assert_eq!(sniff_page(b"{\x01\x02"), None);
/// ```
pub fn sniff_page(bytes: &[u8]) -> Option<Mime> {
    let head = bytes.get(..SNIFF_LEN).unwrap_or(bytes);
    let marks: [&[u8]; 3] = [b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"];
    let bare = marks.iter().find_map(|mark| head.strip_prefix(*mark));
    // Of UTF-16 this leaves the ASCII, of which the words of such text are made.
    let letters = bare.unwrap_or(head).iter().filter(|byte| **byte != 0);
    let text: Vec<u8> = letters.copied().collect();
    let text = text.trim_ascii_start();
    if text.starts_with(b"<") {
        return sniff_markup(text);
    }
    let is_json = match text.split_first() {
        Some((b'{', rest)) => matches!(rest.trim_ascii_start().first(), Some(b'"' | b'}')),
        Some((b'[', rest)) => matches!(
            rest.trim_ascii_start().first(),
            Some(b'"' | b'{' | b'[' | b']')
        ),
        _ => false,
    };
    let is_text = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    (is_json && text.iter().all(is_text)).then_some(Mime::APPLICATION_JSON)
}

/// Detects SVG and HTML, which have no magic number, by their first tag.
fn sniff_markup(head: &[u8]) -> Option<Mime> {
    let mut rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    loop {
        rest = rest.trim_ascii_start();
        if starts_with(rest, b"<!doctype svg") || starts_with_tag(rest, b"<svg") {
            return Some(Mime::IMAGE_SVG);
        }
        if starts_with(rest, b"<!doctype html")
            || [&b"<html"[..], b"<head", b"<body", b"<script", b"<iframe"]
                .iter()
                .any(|tag| starts_with_tag(rest, tag))
        {
            return Some(Mime::TEXT_HTML);
        }
        rest = if rest.starts_with(b"<!--") {
            after(rest, b"-->")?
        } else if rest.starts_with(b"<?") {
            after(rest, b"?>")?
        } else {
            return None;
        };
    }
}

fn starts_with(bytes: &[u8], prefix: &[u8]) -> bool {
    bytes
        .get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn starts_with_tag(bytes: &[u8], tag: &[u8]) -> bool {
    starts_with(bytes, tag)
        && bytes
            .get(tag.len())
            .is_some_and(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/' | b':'))
}

fn after<'a>(bytes: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let at = bytes.windows(end.len()).position(|window| window == end)?;
    bytes.get(at + end.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_formats_are_known() {
        let mp4 = |brand: &[u8]| [b"\0\0\0\x18ftyp", brand, b"\0\0\0\0", brand, b"mp41"].concat();
        for (bytes, mime) in [
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), Mime::IMAGE_PNG),
            (b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec(), Mime::IMAGE_JPEG),
            (b"GIF89a".to_vec(), Mime::IMAGE_GIF),
            (b"RIFF\0\0\0\0WEBPVP8 ".to_vec(), Mime::IMAGE_WEBP),
            (b"BM\0\0\0\0\0\0".to_vec(), Mime::IMAGE_BMP),
            (b"II*\0\x08\0\0\0\0\0\0\0".to_vec(), Mime::IMAGE_TIFF),
            (mp4(b"heic"), Mime::IMAGE_HEIC),
            (mp4(b"avif"), Mime::IMAGE_AVIF),
            (b"%PDF-1.7\n".to_vec(), Mime::APPLICATION_PDF),
            (b"RIFF\0\0\0\0WAVEfmt ".to_vec(), Mime::AUDIO_WAV),
            (b"ID3\x03\0\0\0".to_vec(), Mime::AUDIO_MPEG),
            (b"\xff\xfb\x90\x64\0\0".to_vec(), Mime::AUDIO_MPEG),
            (b"OggS\0\x02\0\0".to_vec(), Mime::AUDIO_OGG),
            (b"fLaC\0\0\0\"".to_vec(), Mime::AUDIO_FLAC),
            (mp4(b"M4A "), Mime::AUDIO_MP4),
            (mp4(b"isom"), Mime::VIDEO_MP4),
            (
                b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webm"
                    .to_vec(),
                Mime::VIDEO_WEBM,
            ),
            (mp4(b"qt  "), Mime::VIDEO_QUICKTIME),
            (
                b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- c -->\n<svg xmlns=\"x\">".to_vec(),
                Mime::IMAGE_SVG,
            ),
            (b"  <!DOCTYPE html><p>".to_vec(), Mime::TEXT_HTML),
        ] {
            assert_eq!(sniff(&bytes), Some(mime.clone()), "{mime}");
        }
    }

    #[test]
    fn short_and_plain_bytes_show_nothing() {
        assert_eq!(sniff(b""), None);
        assert_eq!(sniff(b"<"), None);
        assert_eq!(sniff(b"<?never closed"), None);
        assert_eq!(sniff(b"<svgfoo>"), None);
        assert_eq!(sniff(b"just words"), None);
    }
}
