//! Bytes in the fields of a style.

use std::fmt;

/// Longest spelling of one symbol or line break, in bytes: an escape inside strings three deep.
pub(crate) const MAX_FORM_LEN: usize = 64;

/// The spelling of a symbol where it is not the symbol itself.
pub(crate) type Form = Option<Box<[u8]>>;

pub(super) fn hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

pub(super) fn from_hex(text: &str) -> Option<Box<[u8]>> {
    let len = text.len() / 2;
    if !text.len().is_multiple_of(2) || len == 0 || len > MAX_FORM_LEN {
        return None;
    }
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}
