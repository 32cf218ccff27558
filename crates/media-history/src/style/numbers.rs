//! How bytes are spelled as numbers, and spelling them that way again.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use super::field::{from_hex, hex};

/// How an array of byte values is written, or an object whose keys count them: what stands before the
/// first number, between two, and after the last.
///
/// In a placeholder it is two letters and, where the text is not the shortest, fields that follow dots:
/// `nl` is `[137,80]`, `nl.s2c20` has a space after each comma, `nm` is `{"0":137,"1":80}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NumberStyle {
    /// Whether it is an object whose keys are the positions.
    pub(crate) is_map: bool,
    /// Up to the first number, or its key.
    pub(crate) open: Cow<'static, [u8]>,
    /// Between a number and the next, or its key.
    pub(crate) separator: Cow<'static, [u8]>,
    /// The quote before a key.
    pub(crate) quote: Cow<'static, [u8]>,
    /// From the quote behind a key to its number.
    pub(crate) colon: Cow<'static, [u8]>,
    /// From the last number on.
    pub(crate) end: Cow<'static, [u8]>,
}

/// What stands before the numbers, a key and a number, and after them.
type Parts = (&'static [u8], &'static [u8], &'static [u8], &'static [u8]);

impl NumberStyle {
    /// The shortest text.
    pub(crate) fn compact(is_map: bool) -> Self {
        let (open, quote, colon, end): Parts = match is_map {
            true => (b"{", b"\"", b"\":", b"}"),
            false => (b"[", b"", b"", b"]"),
        };
        Self {
            is_map,
            open: Cow::Borrowed(open),
            separator: Cow::Borrowed(b","),
            quote: Cow::Borrowed(quote),
            colon: Cow::Borrowed(colon),
            end: Cow::Borrowed(end),
        }
    }

    /// Reads the form of a placeholder.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut style = Self::compact(match parts.next()? {
            "nl" => false,
            "nm" => true,
            _ => return None,
        });
        for part in parts {
            let (name, value) = part.split_at_checked(1)?;
            let field = match name {
                "o" => &mut style.open,
                "s" => &mut style.separator,
                "q" if style.is_map => &mut style.quote,
                "v" if style.is_map => &mut style.colon,
                "e" => &mut style.end,
                _ => return None,
            };
            *field = Cow::Owned(from_hex(value)?.into_vec());
        }
        Some(style)
    }
}

impl fmt::Display for NumberStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let compact = Self::compact(self.is_map);
        f.write_str(if self.is_map { "nm" } else { "nl" })?;
        for (name, form, usual) in [
            (".o", &self.open, &compact.open),
            (".s", &self.separator, &compact.separator),
            (".q", &self.quote, &compact.quote),
            (".v", &self.colon, &compact.colon),
            (".e", &self.end, &compact.end),
        ] {
            if form != usual {
                f.write_str(name)?;
                hex(f, form)?;
            }
        }
        Ok(())
    }
}

/// Spells bytes that arrive in pieces of any size.
#[derive(Debug)]
pub(crate) struct NumberEncoder {
    style: NumberStyle,
    count: u64,
}

impl NumberEncoder {
    /// An encoder at the start of the bytes.
    pub(crate) fn new(style: NumberStyle) -> Self {
        Self { style, count: 0 }
    }

    /// Returns the room for the text of `bytes` more bytes.
    pub(crate) fn capacity(&self, bytes: usize) -> usize {
        let style = &self.style;
        let mut each = style.separator.len() + 3;
        if style.is_map {
            let last = self.count.saturating_add(bytes as u64);
            let digits = 1 + last.checked_ilog10().unwrap_or_default() as usize;
            each += style.quote.len() + digits + style.colon.len();
        }
        style.open.len() + each * bytes
    }

    /// Spells the next piece and appends the text to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let style = &self.style;
        for byte in bytes {
            out.extend_from_slice(match self.count {
                0 => &style.open,
                _ => &style.separator,
            });
            if style.is_map {
                out.extend_from_slice(&style.quote);
                // A vector takes all of it.
                let _ = write!(out, "{}", self.count);
                out.extend_from_slice(&style.colon);
            }
            if *byte >= 100 {
                out.push(b'0' + byte / 100);
            }
            if *byte >= 10 {
                out.push(b'0' + byte / 10 % 10);
            }
            out.push(b'0' + byte % 10);
            self.count += 1;
        }
    }

    /// Ends the text.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        if self.count > 0 {
            out.extend_from_slice(&self.style.end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_spelled() {
        let bytes = [0, 9, 10, 99, 100, 255];
        for (style, text) in [
            ("nl", "[0,9,10,99,100,255]"),
            ("nl.s2c20", "[0, 9, 10, 99, 100, 255]"),
            ("nl.o5b0a.e0a5d", "[\n0,9,10,99,100,255\n]"),
            ("nm", r#"{"0":0,"1":9,"2":10,"3":99,"4":100,"5":255}"#),
            (
                "nm.q5c22.v5c223a20",
                r#"{\"0\": 0,\"1\": 9,\"2\": 10,\"3\": 99,\"4\": 100,\"5\": 255}"#,
            ),
        ] {
            let parsed = NumberStyle::parse(style).unwrap();
            assert_eq!(parsed.to_string(), style);
            let (mut encoder, mut spelled) = (NumberEncoder::new(parsed), Vec::new());
            let room = encoder.capacity(bytes.len());
            encoder.push(&bytes[..2], &mut spelled);
            encoder.push(&bytes[2..], &mut spelled);
            assert!(spelled.len() <= room, "{style}");
            encoder.finish(&mut spelled);
            assert_eq!(String::from_utf8(spelled).unwrap(), text);
        }
    }

    #[test]
    fn other_text_is_no_style() {
        for bad in [
            "", "nx", "nl.", "nl.s", "nl.q22", "nl.v22", "nm.z00", "nl.s2",
        ] {
            assert_eq!(NumberStyle::parse(bad), None, "{bad}");
        }
    }
}
