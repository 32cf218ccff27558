//! Looking for references in JSON text in one pass, without a parser.

use std::borrow::Cow;
use std::ops::Range;

/// The field under which references are kept.
pub(crate) const FIELD: &str = "storage_reference";
/// The backend of a reference that is its id alone.
pub(crate) const FILE: &str = "file";

/// What is under the name of a reference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NamedReference {
    pub(crate) backend: Option<String>,
    pub(crate) store: Option<String>,
    pub(crate) id: Option<String>,
    /// Where in the text the value is.
    pub(crate) span: Range<usize>,
}

/// An object under the name of a reference that is not yet closed.
struct Open {
    depth: usize,
    reference: NamedReference,
}

/// Calls `found` with everything under the name of a reference. The text may be nested deeper than a
/// parser follows, be cut off, or be no JSON; the time grows with its length alone.
pub(crate) fn scan(text: &str, mut found: impl FnMut(NamedReference)) {
    // Cheap, and almost always the end of it. Escapes may spell the name in another way.
    if !text.contains(FIELD) && !text.contains("\\u") {
        return;
    }
    let bytes = text.as_bytes();
    let mut open: Vec<Open> = Vec::new();
    let (mut depth, mut at) = (0_usize, 0_usize);
    let mut name: Option<&str> = None;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                let Some(length) = string_length(&bytes[at..]) else {
                    break;
                };
                let string = &text[at..at + length];
                at += length + 1;
                let after = bytes[at..]
                    .iter()
                    .position(|byte| !byte.is_ascii_whitespace());
                if let Some(colon) = after.filter(|after| bytes[at + after] == b':') {
                    at += colon + 1;
                    name = Some(string);
                } else if let Some(name) = name.take() {
                    let innermost = open.last_mut().filter(|open| open.depth == depth);
                    let span = at - length - 2..at;
                    value(name, string, span, innermost, &mut found);
                }
            }
            b'{' | b'[' => {
                depth += 1;
                let named = name.take().is_some_and(|name| unescaped(name) == FIELD);
                if named && *byte == b'{' {
                    open.push(Open {
                        depth,
                        reference: NamedReference {
                            span: at - 1..bytes.len(),
                            ..NamedReference::default()
                        },
                    });
                }
            }
            b'}' | b']' => {
                if let Some(mut closed) = open.pop_if(|open| open.depth == depth) {
                    closed.reference.span.end = at;
                    found(closed.reference);
                }
                depth = depth.saturating_sub(1);
            }
            b',' => name = None,
            _ => {}
        }
    }
    // A text that is cut off may still have named something.
    open.into_iter().for_each(|open| found(open.reference));
}

fn value(
    name: &str,
    text: &str,
    span: Range<usize>,
    innermost: Option<&mut Open>,
    found: &mut impl FnMut(NamedReference),
) {
    let name = unescaped(name);
    if name == FIELD {
        found(NamedReference {
            backend: Some(FILE.to_owned()),
            store: None,
            id: Some(unescaped(text).into_owned()),
            span,
        });
    }
    let Some(open) = innermost else {
        return;
    };
    let field = match name.as_ref() {
        "backend" => &mut open.reference.backend,
        "store" => &mut open.reference.store,
        "id" => &mut open.reference.id,
        _ => return,
    };
    *field = Some(unescaped(text).into_owned());
}

/// The length of the string that a text begins with, up to its closing quote.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// The text that a JSON string stands for; itself where it cannot be read.
fn unescaped(string: &str) -> Cow<'_, str> {
    match string.contains('\\') {
        false => Cow::Borrowed(string),
        true => match serde_json::from_str(&format!("\"{string}\"")) {
            Ok(text) => Cow::Owned(text),
            Err(_) => Cow::Borrowed(string),
        },
    }
}
