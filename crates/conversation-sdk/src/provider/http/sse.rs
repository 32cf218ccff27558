//! Server-sent events, as far as providers use them.

/// Reads events from bytes that are cut anywhere.
///
/// Lines end with LF, CR LF or CR. Only the data of events is of interest; comments, names and ids
/// are passed over.
#[derive(Debug)]
pub(crate) struct SseParser {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    after_cr: bool,
    started: bool,
    limit: usize,
}

/// An event that is larger than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

impl SseParser {
    /// A parser of events of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            after_cr: false,
            started: false,
            limit,
        }
    }

    /// Reads on and gives the data of each event that is complete to `each`.
    ///
    /// # Errors
    /// An event that is too long; the parser is of no use after it.
    pub(crate) fn push(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(Vec<u8>),
    ) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr)
                && let Some(rest) = bytes.strip_prefix(b"\n")
            {
                bytes = rest;
                continue;
            }
            let Some(end) = bytes.iter().position(|b| matches!(b, b'\n' | b'\r')) else {
                return self.take(bytes);
            };
            self.take(&bytes[..end])?;
            self.after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if let Some(event) = self.line_ended()? {
                each(event);
            }
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + bytes.len() > self.limit {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn line_ended(&mut self) -> Result<Option<Vec<u8>>, TooLong> {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.started, true) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if line.is_empty() {
            let complete = std::mem::take(&mut self.has_data);
            return Ok(complete.then(|| std::mem::take(&mut self.data)));
        }
        let colon = line.iter().position(|b| *b == b':');
        let (name, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (&line[..], &[][..]),
        };
        if name == b"data" {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            if self.data.len() + value.len() + 1 > self.limit {
                return Err(TooLong);
            }
            if std::mem::replace(&mut self.has_data, true) {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value);
        }
        line.clear();
        self.line = line;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        let mut parser = SseParser::new(10);
        assert_eq!(parser.push(b"data: 123456", |_| ()), Err(TooLong));
        let mut parser = SseParser::new(10);
        let many = b"data:12345\n".repeat(3);
        assert_eq!(parser.push(&many, |_| ()), Err(TooLong));
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
