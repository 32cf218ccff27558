//! Finding `data:` URIs with base64 in any text.

/// Longest part of a `data:` URI before its comma that is followed, in bytes.
const MAX_HEADER_LEN: usize = 512;

/// What precedes the colon.
const SCHEME: &[u8; 4] = b"data";

/// What precedes the comma.
const ENCODING: &[u8] = b";base64";

/// Looks for the start of base64 in a `data:` URI.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    /// The last characters before a colon can come.
    tail: [u8; 4],
    /// What was read since the colon, in lower case.
    header: Option<Vec<u8>>,
}

impl Finder {
    /// Reads text up to the start of a payload; returns how many bytes that is, and whether a payload
    /// begins there. Otherwise all was read.
    pub(crate) fn find(&mut self, text: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while at < text.len() {
            let rest = text.get(at..).unwrap_or_default();
            if self.header.is_some() {
                let (read, begins) = self.read_header(rest);
                at += read;
                if begins {
                    return (at, true);
                }
                continue;
            }
            let Some(colon) = memchr::memchr(b':', rest) else {
                self.remember(rest);
                return (text.len(), false);
            };
            self.remember(rest.get(..colon).unwrap_or_default());
            self.colon();
            at += colon + 1;
        }
        (at, false)
    }

    /// Whether a colon was read that may be that of a URI.
    pub(crate) fn is_in_header(&self) -> bool {
        self.header.is_some()
    }

    /// Reads text up to a colon that may be that of a URI, which is left; returns how many bytes that
    /// is. Nothing is done in the middle of a header.
    pub(crate) fn skip(&mut self, text: &[u8]) -> usize {
        if self.header.is_some() {
            return 0;
        }
        let mut from = 0;
        for colon in memchr::memchr_iter(b':', text) {
            self.remember(text.get(from..colon).unwrap_or_default());
            if self.tail.eq_ignore_ascii_case(SCHEME) {
                return colon;
            }
            self.tail = [0; 4];
            from = colon + 1;
        }
        self.remember(text.get(from..).unwrap_or_default());
        text.len()
    }

    /// A character was read that is in no scheme.
    pub(crate) fn forget(&mut self) {
        self.tail = [0; 4];
    }

    /// The type that the URI names and its parameters, in lower case, once a payload begins.
    pub(crate) fn take_header(&mut self) -> String {
        let mut header = self.header.take().unwrap_or_default();
        header.truncate(header.len().saturating_sub(ENCODING.len()));
        String::from_utf8(header).unwrap_or_default()
    }

    fn remember(&mut self, text: &[u8]) {
        if let Some(last) = text.last_chunk() {
            self.tail = *last;
            return;
        }
        for byte in text {
            self.tail.rotate_left(1);
            self.tail[3] = *byte;
        }
    }

    fn colon(&mut self) {
        self.header = self.tail.eq_ignore_ascii_case(SCHEME).then(Vec::new);
        self.tail = [0; 4];
    }

    fn read_header(&mut self, text: &[u8]) -> (usize, bool) {
        let Some(header) = &mut self.header else {
            return (0, false);
        };
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b',' => {
                    let begins = header.ends_with(ENCODING);
                    if !begins {
                        self.header = None;
                    }
                    return (at + 1, begins);
                }
                b':' => {
                    let text = std::mem::take(header);
                    self.remember(&text);
                    self.colon();
                    return (at + 1, false);
                }
                b'!'..=b'~' if header.len() < MAX_HEADER_LEN && !b"\"<>()\\".contains(byte) => {
                    header.push(byte.to_ascii_lowercase());
                }
                _ => {
                    self.header = None;
                    return (at, false);
                }
            }
        }
        (text.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, step: usize) -> Vec<(usize, String)> {
        let (mut finder, mut found, mut at) = (Finder::default(), Vec::new(), 0);
        for piece in text.as_bytes().chunks(step) {
            let mut rest = piece;
            while !rest.is_empty() {
                let (read, begins) = finder.find(rest);
                rest = &rest[read..];
                at += read;
                if begins {
                    found.push((at, finder.take_header()));
                }
            }
        }
        found
    }

    #[test]
    fn payloads_begin_after_the_comma() {
        for (text, expected) in [
            ("data:image/png;base64,AAAA", vec![(22, "image/png")]),
            (
                "see ![x](DATA:image/PNG;Name=a;BASE64,AA) and data:;base64,",
                vec![(38, "image/png;name=a"), (59, "")],
            ),
            ("data:data:image/gif;base64,R0", vec![(27, "image/gif")]),
            ("metadata: x;base64,AA", vec![]),
            ("data:image/png,AA data :;base64,", vec![]),
            ("{\"data\":\"x;base64,\"}", vec![]),
            ("", vec![]),
        ] {
            for step in [1, 2, 7, 1000] {
                let found = found(text, step);
                let found: Vec<_> = found.iter().map(|(at, head)| (*at, &**head)).collect();
                assert_eq!(found, expected, "{text}");
            }
        }
        let mut finder = Finder::default();
        assert_eq!(finder.skip(b"at 10:30, metadata"), 18);
        assert_eq!(finder.skip(b":x"), 0);
        finder.forget();
        assert_eq!(finder.skip(b":x see data:,"), 11);
        assert_eq!(finder.find(b":image/png;base64,"), (18, true));
        let long = format!("data:{};base64,AA", "x".repeat(MAX_HEADER_LEN));
        assert!(found(&long, 1000).is_empty());
    }
}
