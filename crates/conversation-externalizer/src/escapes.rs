//! Escapes of JSON strings, and where in the escaped text something stands.

/// Returns the text that a JSON string stands for, given between its quotes. `None` where an escape
/// stands for no character.
pub(super) fn unescape(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        text.push_str(rest.get(..at)?);
        let (character, len) = escape(rest.as_bytes().get(at..)?)?;
        text.push(character);
        rest = rest.get(at + len..)?;
    }
    text.push_str(rest);
    Some(text)
}

/// Reads the escape that a text starts with: its character and its length.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = std::str::from_utf8(text.get(at..at + 4)?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let character = match text.get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => {
            let first = unit(2)?;
            if !(0xd800..0xe000).contains(&first) {
                return Some((char::from_u32(u32::from(first))?, 6));
            }
            let second = (text.get(6..8)? == b"\\u").then(|| unit(8))??;
            let pair = char::decode_utf16([first, second]).next()?.ok()?;
            return Some((pair, 12));
        }
        plain @ (b'"' | b'\\' | b'/') => char::from(*plain),
        _ => return None,
    };
    Some((character, 2))
}

/// Finds positions of an unescaped text in the escaped one. Asked in ascending order, it reads the
/// text once.
#[derive(Debug)]
pub(super) struct Positions<'a> {
    raw: &'a [u8],
    at: usize,
    unescaped: usize,
}

impl<'a> Positions<'a> {
    /// Creates a finder for the text of a JSON string, given between its quotes.
    pub(super) fn new(raw: &'a str) -> Self {
        Self {
            raw: raw.as_bytes(),
            at: 0,
            unescaped: 0,
        }
    }

    /// Returns where the byte that has this position in the unescaped text stands in the escaped
    /// one.
    pub(super) fn of(&mut self, position: usize) -> usize {
        while self.unescaped < position && self.at < self.raw.len() {
            let rest = &self.raw[self.at..];
            let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            if plain > 0 {
                let step = plain.min(position - self.unescaped);
                self.at += step;
                self.unescaped += step;
                continue;
            }
            let (character, len) = escape(rest).unwrap_or(('?', 1));
            self.at += len;
            self.unescaped += character.len_utf8();
        }
        self.at
    }
}
