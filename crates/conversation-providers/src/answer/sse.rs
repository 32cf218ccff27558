//! Server-sent events, as far as providers use them.

/// Reads events from bytes that are cut anywhere, and holds none of them.
///
/// Lines end with LF, CR LF or CR. Only the data of events is of interest; comments, names and ids
/// are passed over and counted.
#[derive(Debug, Default)]
pub(crate) struct SseReader {
    line: Line,
    has_data: bool,
    after_cr: bool,
    /// Whether the byte order mark, if there is one, has passed.
    started: bool,
    ignored: u64,
}

/// Where in a line the reader is.
#[derive(Debug, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Start,
    /// In the byte order mark, after this number of bytes.
    Mark(usize),
    /// In `data`, after this number of bytes.
    Name(usize),
    /// After the colon of `data`, where a space may be.
    Colon,
    Data,
    /// In a line that is of no interest.
    Other,
}

/// A part of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SsePiece<'a> {
    /// Some of its data; lines of data are separated by a line break.
    Data(&'a [u8]),
    /// Its end.
    End,
}

const MARK: &[u8] = b"\xef\xbb\xbf";
const NAME: &[u8] = b"data";

impl SseReader {
    /// Reads on and moves `input` to what is left; `None` when all of it was read.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<SsePiece<'a>> {
        loop {
            let (byte, rest) = input.split_first()?;
            if std::mem::take(&mut self.after_cr) && *byte == b'\n' {
                self.ignored += 1;
                *input = rest;
                continue;
            }
            if matches!(byte, b'\n' | b'\r') {
                self.after_cr = *byte == b'\r';
                self.ignored += 1;
                *input = rest;
                if let Some(piece) = self.line_ended() {
                    return Some(piece);
                }
                continue;
            }
            match self.line {
                Line::Data => {
                    let end = memchr::memchr2(b'\n', b'\r', input).unwrap_or(input.len());
                    let (data, rest) = input.split_at(end);
                    *input = rest;
                    return Some(SsePiece::Data(data));
                }
                Line::Other => {
                    let end = memchr::memchr2(b'\n', b'\r', input).unwrap_or(input.len());
                    self.ignored += end as u64;
                    *input = input.get(end..).unwrap_or_default();
                    continue;
                }
                _ => {}
            }
            let (line, is_read) = self.step(*byte);
            self.line = line;
            if is_read {
                self.ignored += 1;
                *input = rest;
            }
            if self.line == Line::Colon && std::mem::replace(&mut self.has_data, true) {
                return Some(SsePiece::Data(b"\n"));
            }
        }
    }

    /// Returns the number of bytes that are no data.
    pub(crate) fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Where a byte leads, and whether it is read with that.
    fn step(&mut self, byte: u8) -> (Line, bool) {
        match self.line {
            Line::Start if !self.started && Some(&byte) == MARK.first() => (Line::Mark(1), true),
            Line::Start => {
                self.started = true;
                (Line::Name(0), false)
            }
            Line::Mark(at) if MARK.get(at) == Some(&byte) => {
                self.started = at + 1 == MARK.len();
                match self.started {
                    true => (Line::Start, true),
                    false => (Line::Mark(at + 1), true),
                }
            }
            Line::Name(at) if NAME.get(at) == Some(&byte) => (Line::Name(at + 1), true),
            Line::Name(at) if at == NAME.len() && byte == b':' => (Line::Colon, true),
            Line::Colon => (Line::Data, byte == b' '),
            _ => (Line::Other, true),
        }
    }

    fn line_ended(&mut self) -> Option<SsePiece<'static>> {
        self.started = true;
        match std::mem::take(&mut self.line) {
            Line::Start => std::mem::take(&mut self.has_data).then_some(SsePiece::End),
            // A name without a colon is a field without a value.
            Line::Name(at) if at == NAME.len() => {
                std::mem::replace(&mut self.has_data, true).then_some(SsePiece::Data(b"\n"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gathers the data of each event.
    #[derive(Debug)]
    struct SseParser {
        reader: SseReader,
        data: Vec<u8>,
        limit: usize,
    }

    /// An event that is larger than allowed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct TooLong;

    impl SseParser {
        /// A parser of events of at most `limit` bytes of data.
        fn new(limit: usize) -> Self {
            Self {
                reader: SseReader::default(),
                data: Vec::new(),
                limit,
            }
        }

        /// Reads on and gives the data of each event that is complete to `each`.
        ///
        /// # Errors
        /// An event that is too long; the parser is of no use after it.
        fn push(&mut self, mut bytes: &[u8], mut each: impl FnMut(Vec<u8>)) -> Result<(), TooLong> {
            while let Some(piece) = self.reader.next(&mut bytes) {
                match piece {
                    SsePiece::Data(data) if self.data.len() + data.len() > self.limit => {
                        return Err(TooLong);
                    }
                    SsePiece::Data(data) => self.data.extend_from_slice(data),
                    SsePiece::End => each(std::mem::take(&mut self.data)),
                }
            }
            Ok(())
        }
    }

    fn events(pieces: &[&[u8]]) -> Vec<String> {
        let mut parser = SseParser::new(1 << 20);
        let mut found = Vec::new();
        for piece in pieces {
            parser
                .push(piece, |event| found.push(String::from_utf8(event).unwrap()))
                .unwrap();
        }
        found
    }

    const STREAM: &str = "\u{feff}: a comment\r\nevent: x\r\ndata: {\"a\":1}\r\n\r\ndata:one\ndata: two\n\nid: 3\n\ndata\r\rdata:  \u{e9}\u{1f600}\n\nretry: 5\ndata: [DONE]\n\ndata: cut";

    #[test]
    fn events_are_the_same_wherever_the_bytes_are_cut() {
        let whole = events(&[STREAM.as_bytes()]);
        assert_eq!(
            whole,
            ["{\"a\":1}", "one\ntwo", "", " \u{e9}\u{1f600}", "[DONE]"]
        );
        let bytes = STREAM.as_bytes();
        for cut in 0..=bytes.len() {
            assert_eq!(
                events(&[&bytes[..cut], &bytes[cut..]]),
                whole,
                "cut at {cut}"
            );
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(events(&single), whole);
    }

    #[test]
    fn events_are_bounded() {
        for (data, fits) in [("1234567890", true), ("12345678901", false)] {
            let mut parser = SseParser::new(10);
            assert_eq!(parser.push(b"data: ", |_| ()), Ok(()));
            assert_eq!(parser.push(data.as_bytes(), |_| ()).is_ok(), fits);
        }
        // A line of data counts its line break.
        let mut parser = SseParser::new(10);
        assert_eq!(parser.push(b"data:12345\ndata:1234", |_| ()), Ok(()));
        assert_eq!(parser.push(b"5", |_| ()), Err(TooLong));
        // What is passed over is not held.
        let mut parser = SseParser::new(1);
        assert_eq!(parser.push(&[b':'; 100], |_| ()), Ok(()));
        let mut parser = SseParser::new(10);
        let mut count = 0;
        parser
            .push(&b"data:1234\n\n".repeat(100), |_| count += 1)
            .unwrap();
        assert_eq!(count, 100);
    }

    proptest! {
        #[test]
        fn data_arrives_as_it_was_sent(
            texts in proptest::collection::vec("[^\r\n]{0,40}", 1..8),
            ends in proptest::sample::select(vec!["\n", "\r\n", "\r"]),
            size in 1_usize..9,
        ) {
            let stream: String = texts.iter().map(|t| format!("data: {t}{ends}{ends}")).collect();
            let pieces: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
            prop_assert_eq!(events(&pieces), texts);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = SseParser::new(64).push(&bytes, |_| ());
        }
    }
}
