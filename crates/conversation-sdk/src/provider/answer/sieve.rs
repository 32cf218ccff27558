//! JSON whose media is decoded as it arrives.
//!
//! An answer with a picture is some hundred bytes of JSON around megabytes of base64. The sieve
//! passes the base64 at chosen places on, decoded, piece by piece, and keeps the JSON around it with
//! a number in each such place. Nothing here holds a whole medium: where its bytes go is the
//! caller's choice.

use media_types::base64::Decoder;

use super::place::{Place, Places};

/// Splits JSON that arrives in pieces of any size.
#[derive(Debug)]
pub(crate) struct Sieve {
    places: Places,
    rest: Vec<u8>,
    rest_limit: usize,
    state: State,
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
    /// The JSON around the media is too long or too deep.
    TooLong,
    /// The media is not base64.
    NotBase64,
    /// It ends in the middle.
    Cut,
}

/// Some bytes of a medium.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decoded<'a> {
    /// Which medium of the answer, from 0.
    pub(crate) number: usize,
    pub(crate) bytes: &'a [u8],
}

impl Sieve {
    /// Takes the media out of every string at one of these places; the JSON around them may have
    /// `rest_limit` bytes.
    pub(crate) fn new(places: &'static [Place], rest_limit: usize) -> Self {
        Self {
            places: Places::new(places),
            rest: Vec::new(),
            rest_limit,
            state: State::Between,
            count: 0,
            decoded: Vec::new(),
        }
    }

    /// Reads on until some bytes of a medium are decoded, and moves `input` to what is left; `None`
    /// when all of it was read.
    ///
    /// # Errors
    /// The sieve is of no use after an error.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Decoded<'_>>, SieveError> {
        self.decoded.clear();
        while !input.is_empty() {
            let number = self.count;
            *input = match &mut self.state {
                State::Between => self.between(input)?,
                State::Text { .. } => self.text(input)?,
                State::Media { .. } => self.media(input)?,
            };
            if !self.decoded.is_empty() {
                let bytes = &self.decoded;
                return Ok(Some(Decoded { number, bytes }));
            }
        }
        Ok(None)
    }

    /// The JSON around the media. In each place where media was, there is its number, as a string:
    /// no other string can be in such a place.
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

    fn between<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], SieveError> {
        let quote = memchr::memchr(b'"', input).unwrap_or(input.len());
        let (before, after) = input.split_at(quote);
        self.keep(before)?;
        for byte in before {
            self.places.pass(*byte).ok_or(SieveError::TooLong)?;
        }
        let Some(inside) = after.get(1..) else {
            return Ok(&[]);
        };
        self.keep(b"\"")?;
        self.state = if self.places.is_wanted() {
            State::Media {
                decoder: Decoder::new(),
                escape: Escape::None,
            }
        } else {
            self.places.text_starts();
            State::Text { escaped: false }
        };
        Ok(inside)
    }

    fn text<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], SieveError> {
        let State::Text { escaped } = &mut self.state else {
            return Ok(input);
        };
        // A character behind a backslash never ends the text.
        let skip = usize::from(std::mem::take(escaped));
        let from = input.get(skip..).unwrap_or_default();
        let end = memchr::memchr2(b'"', b'\\', from).map_or(input.len(), |at| skip + at);
        let (run, rest) = input.split_at(end);
        self.places.text(run);
        self.keep(run)?;
        let Some((stop, rest)) = rest.split_first() else {
            return Ok(rest);
        };
        self.keep(&[*stop])?;
        if *stop == b'"' {
            self.places.text_ends();
            self.state = State::Between;
        } else {
            self.places.text(b"\\");
            self.state = State::Text { escaped: true };
        }
        Ok(rest)
    }

    fn media<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], SieveError> {
        let State::Media { decoder, escape } = &mut self.state else {
            return Ok(input);
        };
        let unescaped: [u8; 1];
        let (symbols, rest, ended) = match escape {
            Escape::None => {
                let end = memchr::memchr2(b'"', b'\\', input).unwrap_or(input.len());
                let (run, rest) = input.split_at(end);
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
                let (symbol, rest) = input.split_at(1);
                let (symbol, next): (&[u8], _) = match symbol {
                    b"u" => (
                        &[],
                        Escape::Unicode {
                            digits: 0,
                            value: 0,
                        },
                    ),
                    b"/" => (symbol, Escape::None),
                    // Line breaks say nothing in base64.
                    b"n" | b"r" => (&[], Escape::None),
                    _ => return Err(SieveError::NotBase64),
                };
                *escape = next;
                (symbol, rest, false)
            }
            Escape::Unicode { digits, value } => {
                let (digit, rest) = input.split_at(1);
                let digit = digit.iter().find_map(|d| char::from(*d).to_digit(16));
                *value = *value << 4 | digit.ok_or(SieveError::NotBase64)?;
                *digits += 1;
                let symbol: &[u8] = if *digits == 4 {
                    unescaped = [u8::try_from(*value).map_err(|_| SieveError::NotBase64)?];
                    *escape = Escape::None;
                    &unescaped
                } else {
                    &[]
                };
                (symbol, rest, false)
            }
        };
        decoder
            .push(symbols, &mut self.decoded)
            .map_err(|_| SieveError::NotBase64)?;
        if ended {
            std::mem::take(decoder)
                .finish(&mut self.decoded)
                .map_err(|_| SieveError::NotBase64)?;
            let number = self.count.to_string();
            self.count += 1;
            self.state = State::Between;
            self.keep(number.as_bytes())?;
            self.keep(b"\"")?;
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests;
