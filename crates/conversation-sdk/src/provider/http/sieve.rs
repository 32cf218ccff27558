//! JSON whose media is decoded as it arrives.
//!
//! An answer with a picture is some hundred bytes of JSON around megabytes of base64. The sieve
//! passes the base64 of chosen fields on, decoded, piece by piece, and keeps the JSON around it with
//! a number in each such place. Nothing here holds a whole medium: where its bytes go is the
//! caller's choice.

use media_types::base64::Decoder;

/// Splits JSON that arrives in pieces of any size.
#[derive(Debug)]
pub(crate) struct Sieve {
    field: &'static str,
    rest: Vec<u8>,
    rest_limit: usize,
    state: State,
    /// The last string that was read outside of media, as far as a field's name may be long.
    last: Vec<u8>,
    /// Whether the value that comes next is that of the field.
    pending: bool,
    count: usize,
    decoded: Vec<u8>,
}

#[derive(Debug)]
enum State {
    Between,
    Text { escaped: bool },
    Media { decoder: Decoder, escape: Escape },
}

#[derive(Debug)]
enum Escape {
    None,
    Started,
    /// `\u` and the digits so far.
    Unicode {
        digits: u8,
        value: u32,
    },
}

/// Why an answer cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SieveError {
    /// The JSON around the media is too long.
    TooLong,
    /// The media is not base64.
    NotBase64,
    /// It ends in the middle.
    Cut,
}

impl Sieve {
    /// Takes the media out of every field of this name; the JSON around them may have
    /// `rest_limit` bytes.
    pub(crate) fn new(field: &'static str, rest_limit: usize) -> Self {
        Self {
            field,
            rest: Vec::new(),
            rest_limit,
            state: State::Between,
            last: Vec::new(),
            pending: false,
            count: 0,
            decoded: Vec::new(),
        }
    }

    /// Reads on; decoded bytes go to `sink` with the number of their medium.
    ///
    /// # Errors
    /// The sieve is of no use after an error. An error of the sink is given back.
    pub(crate) fn push<E: From<SieveError>>(
        &mut self,
        mut bytes: &[u8],
        mut sink: impl FnMut(usize, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            bytes = match &mut self.state {
                State::Between => self.between(bytes)?,
                State::Text { .. } => self.text(bytes)?,
                State::Media { .. } => self.media(bytes, &mut sink)?,
            };
        }
        Ok(())
    }

    /// The JSON around the media; the value of each field is the number of its medium, from 0.
    ///
    /// # Errors
    /// `Cut` in the middle of a string.
    pub(crate) fn finish(self) -> Result<Vec<u8>, SieveError> {
        match self.state {
            State::Between => Ok(self.rest),
            _ => Err(SieveError::Cut),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), SieveError> {
        if self.rest.len() + bytes.len() > self.rest_limit {
            return Err(SieveError::TooLong);
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    fn between<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], SieveError> {
        let quote = bytes.iter().position(|b| *b == b'"');
        let (before, after) = bytes.split_at(quote.unwrap_or(bytes.len()));
        for byte in before {
            match byte {
                b':' => self.pending = self.last == self.field.as_bytes(),
                b' ' | b'\n' | b'\r' | b'\t' => {}
                _ => {
                    self.pending = false;
                    self.last.clear();
                }
            }
        }
        self.keep(before)?;
        let Some(inside) = after.get(1..) else {
            return Ok(&[]);
        };
        self.last.clear();
        if std::mem::take(&mut self.pending) {
            self.state = State::Media {
                decoder: Decoder::new(),
                escape: Escape::None,
            };
        } else {
            self.keep(b"\"")?;
            self.state = State::Text { escaped: false };
        }
        Ok(inside)
    }

    fn text<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], SieveError> {
        let State::Text { escaped } = &mut self.state else {
            return Ok(bytes);
        };
        if std::mem::take(escaped) {
            // No field that is looked for has an escape in its name.
            self.last.resize(self.field.len() + 1, b'\\');
            self.keep(&bytes[..1])?;
            return Ok(&bytes[1..]);
        }
        let end = bytes.iter().position(|b| matches!(b, b'"' | b'\\'));
        let (run, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        let room = (self.field.len() + 1).saturating_sub(self.last.len());
        self.last.extend_from_slice(run.get(..room).unwrap_or(run));
        self.keep(run)?;
        match rest.first() {
            Some(b'"') => self.state = State::Between,
            Some(_) => self.state = State::Text { escaped: true },
            None => return Ok(rest),
        }
        self.keep(&rest[..1])?;
        Ok(&rest[1..])
    }

    fn media<'a, E: From<SieveError>>(
        &mut self,
        bytes: &'a [u8],
        sink: &mut impl FnMut(usize, &[u8]) -> Result<(), E>,
    ) -> Result<&'a [u8], E> {
        let State::Media { decoder, escape } = &mut self.state else {
            return Ok(bytes);
        };
        let (symbols, rest, ended): (&[u8], &[u8], bool) = match escape {
            Escape::None => {
                let end = bytes.iter().position(|b| matches!(b, b'"' | b'\\'));
                let (run, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
                match rest.split_first() {
                    Some((b'"', rest)) => (run, rest, true),
                    Some((_, rest)) => {
                        *escape = Escape::Started;
                        (run, rest, false)
                    }
                    None => (run, rest, false),
                }
            }
            Escape::Started => {
                let (symbol, rest) = bytes.split_at(1);
                let symbol: &[u8] = match symbol {
                    b"u" => {
                        *escape = Escape::Unicode {
                            digits: 0,
                            value: 0,
                        };
                        &[]
                    }
                    b"/" | b"n" | b"r" => {
                        *escape = Escape::None;
                        // Line breaks say nothing in base64.
                        if symbol == b"/" { symbol } else { &[] }
                    }
                    _ => return Err(SieveError::NotBase64.into()),
                };
                (symbol, rest, false)
            }
            Escape::Unicode { digits, value } => {
                let digit = char::from(bytes[0])
                    .to_digit(16)
                    .ok_or(SieveError::NotBase64)?;
                *value = *value << 4 | digit;
                *digits += 1;
                if *digits == 4 {
                    let symbol = u8::try_from(*value).map_err(|_| SieveError::NotBase64)?;
                    *escape = Escape::None;
                    decoder
                        .push(&[symbol], &mut self.decoded)
                        .map_err(|_| SieveError::NotBase64)?;
                }
                (&[], &bytes[1..], false)
            }
        };
        decoder
            .push(symbols, &mut self.decoded)
            .map_err(|_| SieveError::NotBase64)?;
        if ended {
            std::mem::take(decoder)
                .finish(&mut self.decoded)
                .map_err(|_| SieveError::NotBase64)?;
        }
        if !self.decoded.is_empty() {
            sink(self.count, &self.decoded)?;
            self.decoded.clear();
        }
        if ended {
            let number = self.count.to_string();
            self.count += 1;
            self.state = State::Between;
            self.keep(number.as_bytes())?;
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_types::base64;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn sift(text: &[u8], size: usize) -> Result<(Value, Vec<Vec<u8>>), SieveError> {
        let mut sieve = Sieve::new("b64_json", 1 << 20);
        let mut media: Vec<Vec<u8>> = Vec::new();
        for piece in text.chunks(size.max(1)) {
            sieve.push(piece, |at, bytes| {
                media.resize(media.len().max(at + 1), Vec::new());
                media[at].extend_from_slice(bytes);
                Ok::<_, SieveError>(())
            })?;
        }
        let rest = sieve.finish()?;
        Ok((serde_json::from_slice(&rest).unwrap(), media))
    }

    #[test]
    fn media_is_taken_out_of_its_field_only() {
        let text =
            br#"{"created":1,"data":[{"b64_json":"aGVsbG8=","revised_prompt":"a \"b64_json\": \\"},
            {"b64_json" : null,"x":"b64_json","y":"aGk=","b64_json": "aGk="}],"B64_JSON":"aGk="}"#;
        for size in 1..60 {
            let (rest, media) = sift(text, size).unwrap();
            assert_eq!(media, [b"hello".to_vec(), b"hi".to_vec()], "{size}");
            assert_eq!(rest["data"][0]["b64_json"], 0);
            assert_eq!(rest["data"][0]["revised_prompt"], "a \"b64_json\": \\");
            assert_eq!(rest["data"][1]["b64_json"], 1);
            assert_eq!(rest["data"][1]["y"], "aGk=");
            assert_eq!(rest["B64_JSON"], "aGk=");
        }
    }

    #[test]
    fn escapes_in_base64_are_undone() {
        let text = br#"{"b64_json":"\/\/\u002b\u002F\n"}"#;
        for size in [1, 2, 3, 100] {
            let (_, media) = sift(text, size).unwrap();
            assert_eq!(media, [base64::decode(b"//+/").unwrap()]);
        }
    }

    #[test]
    fn what_is_wrong_is_an_error() {
        for (text, error) in [
            (&br#"{"b64_json":"aG*k"}"#[..], SieveError::NotBase64),
            (br#"{"b64_json":"a"}"#, SieveError::NotBase64),
            (br#"{"b64_json":"aa\x"}"#, SieveError::NotBase64),
            (br#"{"b64_json":"\uD83D"}"#, SieveError::NotBase64),
            (br#"{"b64_json":"aGk="#, SieveError::Cut),
            (br#"{"a":"b"#, SieveError::Cut),
        ] {
            assert_eq!(sift(text, 3).unwrap_err(), error);
        }
        let mut sieve = Sieve::new("b64_json", 10);
        let sink = |_: usize, _: &[u8]| Ok::<_, SieveError>(());
        assert_eq!(sieve.push(&[b' '; 11], sink), Err(SieveError::TooLong));
    }

    proptest! {
        #[test]
        fn nothing_is_lost(
            media in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..100), 0..4),
            texts in proptest::collection::vec(any::<String>(), 4),
            size in 1_usize..40,
        ) {
            let data: Vec<Value> = media.iter().zip(&texts)
                .map(|(m, t)| json!({"revised_prompt": t, "b64_json": base64::encode(m), "b64_jso": t}))
                .collect();
            let text = serde_json::to_vec(&json!({"data": data, "note": texts})).unwrap();
            let (rest, found) = sift(&text, size).unwrap();
            prop_assert_eq!(found, media);
            prop_assert_eq!(&rest["note"], &json!(texts));
            for (at, item) in rest["data"].as_array().unwrap().iter().enumerate() {
                prop_assert_eq!(&item["b64_json"], at);
                prop_assert_eq!(&item["revised_prompt"], &texts[at]);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut sieve = Sieve::new("b64_json", 1000);
            let _ = sieve.push(&bytes, |_, _| Ok::<_, SieveError>(()));
            let _ = sieve.finish();
        }
    }
}
