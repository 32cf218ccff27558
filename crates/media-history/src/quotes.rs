//! The quotes around a placeholder that stands for an array of numbers.
//!
//! The array was no string, and the placeholder is one. The quotes are written as the level of strings
//! in strings asks for, and taken away with the placeholder.

use crate::style::Style;

/// A quote, by how many strings it is inside of.
const QUOTES: [&str; 4] = ["\"", "\\\"", "\\\\\\\"", "\\\\\\\\\\\\\\\""];

/// How many bytes of a quote are looked at: more than any quote has.
const MAX_LEN: usize = 16;

/// Returns what is written before and after a placeholder of this style, inside of `level` strings.
pub(crate) fn quote(style: &Style, level: usize) -> &'static str {
    match style.is_quoted() {
        true => QUOTES.get(level).copied().unwrap_or_default(),
        false => "",
    }
}

/// How many bytes at the end of some text are a quote with the backslashes before it, or may become one.
pub(crate) fn quote_tail(text: &[u8]) -> usize {
    let (quotes, before) = match text.split_last() {
        Some((b'"', before)) => (1, before),
        _ => (0, text),
    };
    let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\');
    quotes + backslashes.take(MAX_LEN).count()
}

/// How long the quote is that a placeholder with these neighbors is in and that goes with it; 0 for
/// none, and `None` where more text has to be read first.
pub(crate) fn quote_len(before: &[u8], after: &[u8], is_all: bool) -> Option<usize> {
    let tail = quote_tail(before);
    let quote = before.get(before.len() - tail..).unwrap_or_default();
    let is_quote = QUOTES.iter().any(|known| known.as_bytes() == quote);
    if !is_quote {
        return Some(0);
    }
    if after.len() < tail && !is_all && quote.starts_with(after) {
        return None;
    }
    Some(if after.starts_with(quote) { tail } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_goes_where_it_is_on_both_sides() {
        for (before, after, len) in [
            ("", "", 0),
            ("x", "x", 0),
            ("\"", "x", 0),
            ("x", "\"", 0),
            (":\"", "\",", 1),
            ("\"\"", "\"", 1),
            (":\\\"", "\\\",", 2),
            (":\\\"", "\"", 0),
            (":\"", "\\\"", 0),
            (":\\\\\"", "\\\\\"", 0),
            (":\\\\\\\"", "\\\\\\\",", 4),
            (":\\\\\\\\\\\\\\\"", "\\\\\\\\\\\\\\\"", 8),
            ("\\\\\\\\\\\\\\\\\\\"", "\\\\\\\\\\\\\\\\\\\"", 0),
        ] {
            let found = quote_len(before.as_bytes(), after.as_bytes(), true);
            assert_eq!(found, Some(len), "{before} {after}");
        }
        assert_eq!(quote_len(b":\\\"", b"\\", false), None);
        assert_eq!(quote_len(b":\"", b"", false), None);
        assert_eq!(quote_len(b":\"", b"x", false), Some(0));
    }
}
