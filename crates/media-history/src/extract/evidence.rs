//! What distinguishes media from text: the keys around a value, and its first bytes.

use media_types::{Mime, sniff};

/// What the fields beside a value say about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    kind: Option<Kind>,
    mime: Option<Mime>,
    /// Whether the type is a word of its own, such as `wav`, in a field that also has other uses.
    is_weak: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Base64,
    /// Bytes, where they are written as numbers.
    Numbers,
    Media,
    Redacted,
}

/// What a string that is base64 as a whole is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Media,
    /// Bytes that only a provider can read.
    Opaque,
    /// What follows in the same object decides.
    Later,
    Text,
}

/// Where a value stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The key of the value, or that of the innermost array that it is an element of.
    pub(crate) key: &'a [u8],
    /// The key of the object that the value is in.
    pub(crate) parent_key: &'a [u8],
    /// What is known in the value's own object; in an array there is none.
    pub(crate) own: Option<&'a Evidence>,
    /// What is known in the objects around that one, the nearest first.
    pub(crate) around: [Option<&'a Evidence>; 2],
}

const TYPE_KEYS: &[&[u8]] = &[
    b"mime_type",
    b"mimeType",
    b"media_type",
    b"mediaType",
    b"content_type",
    b"contentType",
];

/// Keys whose values are bytes, whatever stands beside them.
const BYTE_KEYS: &[&[u8]] = &[
    b"b64_json",
    b"partial_image_b64",
    b"file_data",
    b"bytesBase64Encoded",
    b"base64",
    b"Base64",
    b"blob",
];

/// Keys whose values are bytes where something beside them says so.
const DATA_KEYS: &[&[u8]] = &[
    b"data",
    b"value",
    b"content",
    b"result",
    b"bytes",
    b"body",
    b"image",
    b"audio",
    b"video",
    b"file",
    b"document",
    b"raw",
    b"binary",
    b"buffer",
    b"b64",
    b"image_bytes",
    b"imageBytes",
    b"audio_bytes",
    b"audioBytes",
    b"video_bytes",
    b"videoBytes",
    b"screenshot",
];

/// Keys whose values may be bytes by what stands beside the object that they are in.
const INNER_KEYS: &[&[u8]] = &[b"data", b"value", b"bytes", b"content"];

/// Keys of what people and models write.
const PROSE_KEYS: &[&[u8]] = &[
    b"text",
    b"content",
    b"arguments",
    b"input",
    b"output",
    b"thinking",
    b"reasoning",
    b"reasoning_content",
    b"prompt",
    b"query",
    b"message",
    b"messages",
    b"summary",
    b"description",
    b"instructions",
    b"title",
    b"transcript",
    b"refusal",
    b"delta",
    b"parts",
];

const OPAQUE_KEYS: &[&[u8]] = &[
    b"signature",
    b"encrypted_content",
    b"encryptedContent",
    b"reasoningEncryptedContent",
    b"thought_signature",
    b"thoughtSignature",
    b"thinking_signature",
];

/// The key of a map from calls to signatures.
const OPAQUE_MAP: &[u8] = b"__gemini_function_call_thought_signatures__";

impl Evidence {
    /// Whether a value of this key says something about the values beside it.
    pub(crate) fn is_noted(key: &[u8]) -> bool {
        TYPE_KEYS.contains(&key)
            || matches!(
                key,
                b"format" | b"output_format" | b"type" | b"source_type" | b"kind"
            )
    }

    /// Takes a short string that stands beside other values.
    pub(crate) fn note(&mut self, key: &[u8], value: &[u8]) {
        let Ok(value) = std::str::from_utf8(value) else {
            return;
        };
        if TYPE_KEYS.contains(&key) {
            let mime = value.parse().ok().or_else(|| Mime::from_extension(value));
            if mime.is_some() {
                (self.mime, self.is_weak) = (mime, false);
            }
        } else if matches!(key, b"format" | b"output_format") {
            if self.mime.is_none() {
                self.mime = Mime::from_extension(value).or_else(|| audio_format(value));
                self.is_weak = true;
            }
        } else if matches!(key, b"type" | b"source_type" | b"kind") {
            let kind = kind_of(value);
            if kind.is_some() && self.kind != Some(Kind::Base64) {
                self.kind = kind;
            }
        }
    }

    /// Whether a type is named whose media is never written as text.
    fn names_bytes(&self) -> bool {
        let is_bytes = |mime: &Mime| !mime.as_str().starts_with("text/");
        self.mime.as_ref().is_some_and(is_bytes)
    }
}

fn kind_of(word: &str) -> Option<Kind> {
    match word {
        "text" => Some(Kind::Text),
        "base64" => Some(Kind::Base64),
        "Buffer" | "raw" => Some(Kind::Numbers),
        "redacted_thinking" => Some(Kind::Redacted),
        "image"
        | "audio"
        | "video"
        | "file"
        | "media"
        | "document"
        | "binary"
        | "blob"
        | "data"
        | "image_url"
        | "input_image"
        | "input_audio"
        | "input_file"
        | "image-data"
        | "file-data"
        | "image_generation_call" => Some(Kind::Media),
        _ => None,
    }
}

/// Returns the type of an audio format whose name in APIs is not a file extension.
fn audio_format(word: &str) -> Option<Mime> {
    match word {
        "pcm16" | "pcm" | "g711_ulaw" | "g711_alaw" => Some(Mime::AUDIO_PCM),
        _ => None,
    }
}

/// Decides about a string that is base64 as a whole. `is_last` says that nothing follows in its
/// object.
pub(crate) fn judge(place: Place<'_>, head: &[u8], is_last: bool) -> Verdict {
    let Place { key, own, .. } = place;
    let kind = own.and_then(|own| own.kind);
    if OPAQUE_KEYS.contains(&key) || place.parent_key == OPAQUE_MAP || kind == Some(Kind::Redacted)
    {
        return Verdict::Opaque;
    }
    if kind == Some(Kind::Text) {
        return Verdict::Text;
    }
    let later = match own.is_some() && !is_last {
        true => Verdict::Later,
        false => Verdict::Text,
    };
    let is_prose = PROSE_KEYS.contains(&key);
    if is_prose {
        return match own {
            Some(own) if own.names_bytes() && DATA_KEYS.contains(&key) => Verdict::Media,
            _ if DATA_KEYS.contains(&key) => later,
            _ => Verdict::Text,
        };
    }
    let is_inline = key == b"data" && matches!(place.parent_key, b"inlineData" | b"inline_data");
    if BYTE_KEYS.contains(&key) || is_inline || shows_media(head) {
        return Verdict::Media;
    }
    if !DATA_KEYS.contains(&key) {
        return Verdict::Text;
    }
    let is_named = own.is_some_and(Evidence::names_bytes)
        || matches!(kind, Some(Kind::Base64 | Kind::Media))
        || INNER_KEYS.contains(&key)
            && place
                .around
                .iter()
                .flatten()
                .any(|around| around.names_bytes() && !around.is_weak);
    let is_text_file = is_last && own.is_some_and(|own| own.mime.is_some());
    match is_named || is_text_file {
        true => Verdict::Media,
        false => later,
    }
}

/// Whether the object of a value says that numbers are bytes.
pub(crate) fn are_bytes(place: Place<'_>) -> bool {
    place.own.is_some_and(|own| own.kind == Some(Kind::Numbers))
}

/// The type that the fields around a value name, the nearest first.
pub(crate) fn named_mime(place: Place<'_>) -> Option<Mime> {
    let around = place
        .around
        .iter()
        .flatten()
        .filter(|around| !around.is_weak);
    let mut all = place.own.into_iter().chain(around.copied());
    all.find_map(|evidence| evidence.mime.clone())
}

/// Whether the key alone makes a string at this place text, or nothing but its first bytes can make it
/// media.
pub(crate) fn is_judged_by_bytes(place: Place<'_>) -> bool {
    let Place { key, own, .. } = place;
    let kind = own.and_then(|own| own.kind);
    kind != Some(Kind::Redacted)
        && place.parent_key != OPAQUE_MAP
        && ![OPAQUE_KEYS, BYTE_KEYS, DATA_KEYS, PROSE_KEYS]
            .iter()
            .any(|keys| keys.contains(&key))
}

/// Whether a format that is [shown](shows_media) by its first bytes may begin with this one.
pub(crate) fn may_show_media(first: u8) -> bool {
    matches!(
        first,
        // Sizes of boxes, and MPEG.
        0 | 0xff
            // White space, byte order mark and bracket of markup.
            | b'\t'
            ..=b'\r'
                | b' '
                | 0xef
                | b'<'
                | 0x89
                | b'G'
                | b'R'
                | b'I'
                | b'M'
                | b'8'
                | b'A'
                | b'g'
                | b'%'
                | b'P'
                | 0x1a
                | b'0'
                | b'F'
                | b'O'
                | b'f'
                | b'#'
                | b'D'
    )
}

/// Whether the first bytes are those of a media format, beyond chance.
pub(crate) fn shows_media(head: &[u8]) -> bool {
    let Some(mime) = sniff(head) else {
        return false;
    };
    match mime.as_str() {
        // Two bytes, or zeros, are too little: short words decode to them.
        "image/bmp" | "image/vnd.microsoft.icon" | "text/html" => false,
        "audio/mpeg" => head.starts_with(b"ID3"),
        "application/pdf" | "application/zip" | "image/svg+xml" => true,
        other => {
            ["image/", "audio/", "video/"]
                .iter()
                .any(|media| other.starts_with(media))
                || other.starts_with("application/vnd.openxmlformats")
        }
    }
}

#[cfg(test)]
mod tests;
