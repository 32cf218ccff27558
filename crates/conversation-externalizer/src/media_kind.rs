//! Correcting types of media by its bytes.
//!
//! A declared type is corrected only where the bytes leave no doubt: by a signature of at least
//! three bytes, and never where they may be text. What is left alone is still right for readers
//! that look at the declared type, and providers get no type that we know to be wrong.

use media_types::{MediaContent, MediaType, Mime, sniff};

/// Returns the content with the type that its bytes show, and the type that was declared, where the
/// two differ beyond doubt.
pub(super) fn correct(content: &MediaContent) -> Option<(MediaContent, Mime)> {
    let bytes = content.inline()?;
    // MCP spells the type otherwise, so that readers of our own JSON keep it as an attribute.
    let elsewhere = content
        .attribute("mimeType")
        .and_then(|value| value.as_str()?.parse::<Mime>().ok())
        .filter(|_| *content.mime() == Mime::OCTET_STREAM);
    let declared = elsewhere.as_ref().unwrap_or(content.mime());
    let found = shown_type(declared, bytes).or_else(|| elsewhere.clone())?;
    Some((retyped(content, found), content.mime().clone()))
}

/// Returns the content with another type; everything else stays.
pub(super) fn retyped(content: &MediaContent, mime: Mime) -> MediaContent {
    let mut new = MediaContent::new(mime, content.source().clone());
    for (name, value) in content.attributes() {
        if name != "mimeType" {
            new = new.with_attribute(name.clone(), value.clone());
        }
    }
    new
}

/// The type that bytes show beyond doubt, where it contradicts the declared one.
pub(super) fn shown_type(declared: &Mime, bytes: &[u8]) -> Option<Mime> {
    if is_raw_audio(declared) || (declared != &Mime::OCTET_STREAM && may_be_text(declared, bytes)) {
        return None;
    }
    let found = sniff(bytes).filter(|found| is_certain(found, bytes))?;
    (found != *declared && !are_alike(declared, &found)).then_some(found)
}

/// Samples without a header may look like anything.
fn is_raw_audio(mime: &Mime) -> bool {
    matches!(mime.as_str(), "audio/pcm" | "audio/l16" | "audio/basic")
}

/// Whether bytes that were declared as some kind of text may be that.
fn may_be_text(declared: &Mime, bytes: &[u8]) -> bool {
    let head = bytes.get(..media_types::SNIFF_LEN).unwrap_or(bytes);
    let is_valid = std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true);
    is_valid
        && !head.contains(&0)
        && declared.media_type() == MediaType::Document
        && *declared != Mime::APPLICATION_PDF
}

/// Whether the signature of a type is long enough that other bytes do not have it by chance.
fn is_certain(found: &Mime, bytes: &[u8]) -> bool {
    match found.as_str() {
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/tiff" | "image/heic"
        | "image/heif" | "image/avif" | "audio/wav" | "audio/ogg" | "audio/flac" | "audio/mp4"
        | "audio/aiff" | "audio/amr" | "video/mp4" | "video/quicktime" | "video/webm"
        | "video/x-matroska" | "video/x-msvideo" | "application/pdf" => true,
        // Two bytes are the signature; the size of the header that follows has few values.
        "image/bmp" => {
            matches!(
                bytes.get(14..18),
                Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])
            )
        }
        // Version and flags of ID3v2; frames without it have a signature of eleven bits.
        "audio/mpeg" => {
            matches!(bytes, [b'I', b'D', b'3', 2..=4, _, flags, ..] if flags & 0x0f == 0)
        }
        // Found by the names of entries in the archive.
        name => name.contains("openxmlformats"),
    }
}

/// Whether two types name the same container, so that bytes cannot tell them apart.
fn are_alike(declared: &Mime, found: &Mime) -> bool {
    const FAMILIES: [&[&str]; 4] = [
        &[
            "audio/mp4",
            "video/mp4",
            "video/quicktime",
            "video/x-m4v",
            "video/3gpp",
            "audio/3gpp",
        ],
        &[
            "audio/webm",
            "video/webm",
            "video/x-matroska",
            "audio/x-matroska",
        ],
        &["audio/ogg", "audio/opus", "video/ogg", "application/ogg"],
        &[
            "image/heic",
            "image/heif",
            "image/heic-sequence",
            "image/heif-sequence",
        ],
    ];
    let is_office = |mime: &Mime| {
        let name = mime.as_str();
        name.contains("openxmlformats")
            || name.contains("macroenabled")
            || name.contains("opendocument")
    };
    let in_one =
        |family: &&[&str]| family.contains(&declared.as_str()) && family.contains(&found.as_str());
    FAMILIES.iter().any(in_one) || (is_office(declared) && is_office(found))
}
