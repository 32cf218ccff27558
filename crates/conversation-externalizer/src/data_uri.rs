//! `data:` URIs with base64 in text.

use std::ops::Range;

use media_types::Mime;

use super::base64_text::{Base64Run, read_run};

/// Longest header, from the colon to the comma, in bytes.
const MAX_HEADER: usize = 512;

/// A `data:` URI in a text.
pub(super) struct DataUri<'a> {
    /// Where its scheme starts.
    pub(super) start: usize,
    /// Where its payload starts.
    pub(super) payload: usize,
    /// The type that it names.
    pub(super) mime: Option<Mime>,
    /// Its payload; positions are relative to `payload`.
    pub(super) run: Base64Run<'a>,
}

impl DataUri<'_> {
    /// Returns where the URI ends.
    pub(super) fn end(&self) -> usize {
        self.payload + self.run.end
    }
}

/// Returns the first `data:` URI with base64 whose colon is in a range of the text. It lies
/// within `limits`.
pub(super) fn find<'a>(
    text: &'a str,
    colons: Range<usize>,
    limits: &Range<usize>,
) -> Option<DataUri<'a>> {
    let bytes = text.as_bytes().get(..limits.end)?;
    let mut from = colons.start;
    while let Some(found) = memchr::memchr(b':', bytes.get(from..colons.end.min(limits.end))?) {
        let colon = from + found;
        from = colon + 1;
        let Some(start) = scheme_start(bytes, colon).filter(|start| *start >= limits.start) else {
            continue;
        };
        let Some((payload, mime)) = header(bytes, colon + 1) else {
            continue;
        };
        let run = read_run(&bytes[payload..], closer(bytes, start));
        return Some(DataUri {
            start,
            payload,
            mime,
            run,
        });
    }
    None
}

/// Reads a text that is a `data:` URI with base64 as a whole: its type and where the payload starts.
pub(super) fn whole(text: &str) -> Option<(Option<Mime>, usize)> {
    let scheme = text.get(..5)?;
    if !scheme.eq_ignore_ascii_case("data:") {
        return None;
    }
    let (payload, mime) = header(text.as_bytes(), 5)?;
    Some((mime, payload))
}

fn scheme_start(bytes: &[u8], colon: usize) -> Option<usize> {
    let start = colon.checked_sub(4)?;
    let is_scheme = bytes.get(start..colon)?.eq_ignore_ascii_case(b"data");
    let follows_word = start
        .checked_sub(1)
        .and_then(|at| bytes.get(at))
        .is_some_and(u8::is_ascii_alphanumeric);
    (is_scheme && !follows_word).then_some(start)
}

/// Reads a header that ends in `;base64,`: where the payload starts, and the type.
fn header(bytes: &[u8], from: usize) -> Option<(usize, Option<Mime>)> {
    let rest = bytes.get(from..)?;
    let rest = &rest[..rest.len().min(MAX_HEADER)];
    // A header has no colon, so that each byte of a text belongs to one header at most.
    let is_header = |b: &u8| b.is_ascii_alphanumeric() || b"!#$&^_.+-/;=%\\ \"'".contains(b);
    let comma = rest.iter().position(|b| !is_header(b))?;
    if rest[comma] != b',' {
        return None;
    }
    let head = std::str::from_utf8(&rest[..comma])
        .ok()?
        .replace("\\/", "/");
    let (kind, encoding) = head.rsplit_once(';')?;
    if !encoding.trim().eq_ignore_ascii_case("base64") {
        return None;
    }
    Some((from + comma + 1, kind.parse().ok()))
}

/// The byte that ends a URI which stands between delimiters.
fn closer(bytes: &[u8], start: usize) -> Option<u8> {
    match bytes.get(start.checked_sub(1)?)? {
        b'(' => Some(b')'),
        b'<' => Some(b'>'),
        b'[' => Some(b']'),
        quote @ (b'"' | b'\'' | b'`') => Some(*quote),
        _ => None,
    }
}
