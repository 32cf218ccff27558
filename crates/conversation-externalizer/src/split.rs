//! Media in text: `data:` URIs, and objects in the JSON of tools.

use std::ops::Range;

use conversation_types::{Part, TextPart};
use media_types::{MediaContent, Mime, sniff};

use super::data_uri;
use super::escapes;
use super::pacer::Pacer;
use super::received::ReceivedLookup;
use super::shape_media::{self, FoundMedia};
use super::shapes::{Found, ShapeFinder};

/// `data:` URIs of less decoded bytes stay in the text: pixels and icons that it speaks about.
pub(super) const MIN_DATA_URI: u64 = 768;
/// Longest words of a Markdown image or link that become a caption, in bytes.
const MAX_LABEL: usize = 512;
/// How deep JSON is looked for in strings of JSON.
const MAX_LEVELS: u8 = 2;
/// How much text is read between two points at which other tasks may run.
const SLICE: usize = 64 * 1024;

/// What is looked for in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct TextRules<'a> {
    /// Where media of this turn is found; objects in JSON are looked for where this is set.
    pub(super) in_json: Option<&'a dyn ReceivedLookup>,
    /// Whether a `data:` URI at the end of the text is left there, since it may not be finished.
    pub(super) may_go_on: bool,
}

/// Finds the media in a text, in order.
pub(super) async fn find_media(
    text: &str,
    rules: TextRules<'_>,
    pacer: &mut Pacer,
) -> Vec<FoundMedia> {
    let mut found = Vec::new();
    if let Some(received) = rules.in_json {
        find_objects(text, MAX_LEVELS, received, pacer, &mut found).await;
        found.sort_by_key(|media| media.span.start);
    }
    let mut all = Vec::with_capacity(found.len());
    let mut from = 0;
    for media in found {
        if media.span.start < from {
            continue;
        }
        find_uris(text, from..media.span.start, rules, pacer, &mut all).await;
        from = media.span.end;
        all.push(media);
    }
    find_uris(text, from..text.len(), rules, pacer, &mut all).await;
    all
}

/// Finds media objects in the JSON values that a text is or contains, and in those that stand in
/// strings of them, `levels` deep.
async fn find_objects(
    text: &str,
    levels: u8,
    received: &dyn ReceivedLookup,
    pacer: &mut Pacer,
    found: &mut Vec<FoundMedia>,
) {
    let mut at = 0;
    while let Some(start) = memchr::memchr2(b'{', b'[', &text.as_bytes()[at..]) {
        let start = at + start;
        let mut finder = ShapeFinder::new(text, start);
        let mut seen = start;
        loop {
            let has_more = finder.advance(SLICE);
            pacer.spend(finder.position() - seen).await;
            seen = finder.position();
            if !has_more {
                break;
            }
        }
        // What was read and is not JSON is not read again, so that the work stays linear.
        at = finder.position().max(start + 1).min(text.len());
        let Found {
            shapes,
            json_strings,
        } = finder.finish();
        for shape in shapes {
            if let Some(media) = shape_media::read(text, &shape, received, pacer).await {
                found.push(media);
            }
        }
        for string in json_strings.into_iter().filter(|_| levels > 0) {
            let raw = text.get(string.clone()).unwrap_or_default();
            let Some(inner) = escapes::unescape(raw) else {
                continue;
            };
            pacer.spend(raw.len()).await;
            let mut inside = Vec::new();
            Box::pin(find_objects(
                &inner,
                levels - 1,
                received,
                pacer,
                &mut inside,
            ))
            .await;
            inside.sort_by_key(|media| media.span.start);
            let mut positions = escapes::Positions::new(raw);
            for mut media in inside {
                let start = string.start + positions.of(media.span.start);
                media.span = start..string.start + positions.of(media.span.end);
                media.is_content = false;
                found.push(media);
            }
        }
    }
}

async fn find_uris(
    text: &str,
    limits: Range<usize>,
    rules: TextRules<'_>,
    pacer: &mut Pacer,
    found: &mut Vec<FoundMedia>,
) {
    let mut from = limits.start;
    while from < limits.end {
        let window = from..limits.end.min(from + SLICE);
        let Some(uri) = data_uri::find(text, window.clone(), &limits) else {
            pacer.spend(window.len()).await;
            from = window.end;
            continue;
        };
        pacer.spend(uri.end() - from).await;
        from = uri.end();
        let is_open = rules.may_go_on && from == text.len();
        if uri.run.decoded_len() < MIN_DATA_URI || is_open {
            continue;
        }
        let Some((bytes, decoded)) = uri.run.decode(pacer).await else {
            continue;
        };
        let mime = uri.mime.clone().or_else(|| sniff(&bytes));
        let mime = mime.unwrap_or_else(|| {
            // RFC 2397 names text as the default.
            let is_text = std::str::from_utf8(&bytes).is_ok();
            if is_text {
                Mime::TEXT_PLAIN
            } else {
                Mime::OCTET_STREAM
            }
        });
        let content = MediaContent::from_bytes(mime, bytes);
        let span = uri.start..uri.payload + decoded;
        found.push(without_markup(text, span, content));
    }
}

/// Takes the parentheses of a Markdown image or link away with the media, and an image's
/// `![]` where it has no label. The label stays in the text and becomes the caption.
fn without_markup(text: &str, span: Range<usize>, content: MediaContent) -> FoundMedia {
    let found = |span, content| FoundMedia {
        span,
        content,
        is_content: false,
    };
    let bytes = text.as_bytes();
    let label_end = span.start.saturating_sub(2);
    let is_link =
        bytes.get(label_end..span.start) == Some(b"](") && bytes.get(span.end) == Some(&b')');
    let label_start = label_end.saturating_sub(MAX_LABEL);
    let open = bytes
        .get(label_start..label_end)
        .and_then(|label| memchr::memrchr2(b'[', b']', label))
        .map(|open| label_start + open)
        .filter(|open| is_link && bytes.get(*open) == Some(&b'['));
    match open.and_then(|open| Some((open, text.get(open + 1..label_end)?))) {
        Some((open, "")) if open > 0 && bytes.get(open - 1) == Some(&b'!') => {
            found(open - 1..span.end + 1, content)
        }
        Some((_, words)) if !words.is_empty() => {
            found(span.start - 1..span.end + 1, content.with_caption(words))
        }
        _ => found(span, content),
    }
}

/// Splits a text part at the media in it. Every other byte of the text stays, in order; what belongs
/// to the part as a whole stays with the last piece of text.
pub(super) fn split(part: &TextPart, found: Vec<FoundMedia>) -> Vec<Part> {
    let mut parts = Vec::with_capacity(found.len() * 2 + 1);
    let mut from = 0;
    for FoundMedia { span, content, .. } in found {
        push_text(&mut parts, part.text.get(from..span.start));
        parts.push(Part::Media(content));
        from = span.end;
    }
    push_text(&mut parts, part.text.get(from..));
    if part.provider_data.is_empty() && part.extra.is_empty() {
        return parts;
    }
    if !matches!(parts.last(), Some(Part::Text(_))) {
        parts.push(Part::text(""));
    }
    if let Some(Part::Text(last)) = parts.last_mut() {
        last.provider_data = part.provider_data.clone();
        last.extra = part.extra.clone();
    }
    parts
}

fn push_text(parts: &mut Vec<Part>, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        parts.push(Part::text(text));
    }
}
