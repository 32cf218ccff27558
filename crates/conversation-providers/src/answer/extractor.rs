//! JSON whose media is decoded as it arrives.
//!
//! The extractor yields the base64 at chosen paths, decoded, piece by piece, and keeps the JSON
//! around it with a number in each such place. Nothing here holds a whole media item; the caller
//! decides where its bytes go.

use std::borrow::Cow;

use media_types::Mime;
use media_types::base64::{Decoder, split_data_uri};

use super::escapes::{Escapes, Symbol};
use super::matcher::{Coding, PathMatcher};
use super::path::JsonPath;

/// Takes the media out of JSON that arrives in pieces of any size.
#[derive(Debug)]
pub(crate) struct MediaExtractor {
    matcher: PathMatcher,
    rest: Vec<u8>,
    rest_limit: usize,
    state: State,
    count: usize,
    decoded: Vec<u8>,
    /// Whether the newest media item is a preview.
    is_preview: bool,
}

/// Longest start of a string in which a `data:` URI must have its comma, in bytes.
const MAX_HEAD: usize = 1100;

#[derive(Debug)]
enum State {
    Between,
    Text {
        escaped: bool,
    },
    /// The beginning of a string that may be a `data:` URI.
    Head {
        /// As it is written.
        raw: Vec<u8>,
        /// Without its escapes.
        text: String,
        escapes: Escapes,
    },
    /// Media that nobody wants.
    Unwanted {
        escaped: bool,
    },
    Media {
        decoder: Decoder,
        escapes: Escapes,
    },
}

/// The reason for which media cannot be extracted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExtractError {
    /// The JSON around the media is too long or too deep.
    TooLong,
    /// The media is not base64.
    NotBase64,
    /// The JSON ends in the middle of a string.
    Truncated,
}

/// Some bytes of a media item.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extracted<'a> {
    /// The number of the item in the answer, from 0.
    pub(crate) number: usize,
    pub(crate) bytes: &'a [u8],
    /// Whether it is a preview, which is no media of the answer.
    pub(crate) is_preview: bool,
}

impl MediaExtractor {
    /// Takes the media out of every string at one of the paths; the JSON around it may have
    /// `rest_limit` bytes.
    pub(crate) fn new(paths: &'static [JsonPath], rest_limit: usize) -> Self {
        Self {
            matcher: PathMatcher::new(paths),
            rest: Vec::new(),
            rest_limit,
            state: State::Between,
            count: 0,
            decoded: Vec::new(),
            is_preview: false,
        }
    }

    /// Reads on until some bytes of a media item are decoded, and moves `input` to what is left; `None`
    /// when all of it was read.
    ///
    /// # Errors
    /// The extractor is of no use after an error.
    pub(crate) fn next(
        &mut self,
        input: &mut &[u8],
    ) -> Result<Option<Extracted<'_>>, ExtractError> {
        self.decoded.clear();
        while !input.is_empty() {
            let number = self.count;
            *input = match &mut self.state {
                State::Between => self.between(input)?,
                State::Text { .. } => self.text(input)?,
                State::Head { .. } => self.head(input)?,
                State::Unwanted { .. } => self.unwanted(input)?,
                State::Media { .. } => self.media(input)?,
            };
            if !self.decoded.is_empty() {
                return Ok(Some(Extracted {
                    number,
                    bytes: &self.decoded,
                    is_preview: self.is_preview,
                }));
            }
        }
        Ok(None)
    }

    /// Returns the number of media items so far, those without bytes too.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns the JSON around the media. In each place where media was, there is its number, as a
    /// string, or as the data of a `data:` URI ([`extracted_media`]): no other string can be taken
    /// for one.
    ///
    /// # Errors
    /// `Truncated` in the middle of a string.
    pub(crate) fn finish(self) -> Result<Vec<u8>, ExtractError> {
        match self.state {
            State::Between => Ok(self.rest),
            _ => Err(ExtractError::Truncated),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), ExtractError> {
        if self.rest.len() + bytes.len() > self.rest_limit {
            return Err(ExtractError::TooLong);
        }
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    fn between<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], ExtractError> {
        let quote = memchr::memchr(b'"', input).unwrap_or(input.len());
        let (before, after) = input.split_at(quote);
        self.keep(before)?;
        for byte in before {
            self.matcher.pass(*byte).ok_or(ExtractError::TooLong)?;
        }
        let Some(inside) = after.get(1..) else {
            return Ok(&[]);
        };
        self.keep(b"\"")?;
        let coding = self.matcher.coding();
        self.is_preview = matches!(coding, Some(Coding::Preview));
        self.state = match coding {
            Some(Coding::Base64 | Coding::Preview) => State::Media {
                decoder: Decoder::new(),
                escapes: Escapes::default(),
            },
            Some(Coding::Unwanted) => State::Unwanted { escaped: false },
            Some(Coding::DataUri) => State::Head {
                raw: Vec::new(),
                text: String::new(),
                escapes: Escapes::default(),
            },
            None => {
                self.matcher.string_starts();
                State::Text { escaped: false }
            }
        };
        Ok(inside)
    }

    fn text<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], ExtractError> {
        let State::Text { escaped } = &mut self.state else {
            return Ok(input);
        };
        // A character after a backslash never ends the string.
        let skip = usize::from(std::mem::take(escaped));
        let from = input.get(skip..).unwrap_or_default();
        let end = memchr::memchr2(b'"', b'\\', from).map_or(input.len(), |at| skip + at);
        let (run, rest) = input.split_at(end);
        self.matcher.string_bytes(run);
        self.keep(run)?;
        let Some((stop, rest)) = rest.split_first() else {
            return Ok(rest);
        };
        self.keep(&[*stop])?;
        if *stop == b'"' {
            self.matcher.string_ends();
            self.state = State::Between;
        } else {
            self.matcher.string_bytes(b"\\");
            self.state = State::Text { escaped: true };
        }
        Ok(rest)
    }

    /// Passes over a string to its end.
    fn unwanted<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], ExtractError> {
        let State::Unwanted { escaped } = &mut self.state else {
            return Ok(input);
        };
        let skip = usize::from(std::mem::take(escaped));
        let from = input.get(skip..).unwrap_or_default();
        let Some(at) = memchr::memchr2(b'"', b'\\', from) else {
            return Ok(&[]);
        };
        if from.get(at) == Some(&b'"') {
            self.state = State::Between;
            self.keep(b"\"")?;
        } else {
            *escaped = true;
        }
        Ok(from.get(at + 1..).unwrap_or_default())
    }

    /// Reads on until it is clear whether the string is a `data:` URI with base64.
    fn head<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], ExtractError> {
        let State::Head { raw, text, escapes } = &mut self.state else {
            return Ok(input);
        };
        let mut rest = input;
        let is_media = loop {
            let Some((byte, after)) = rest.split_first() else {
                return Ok(rest);
            };
            if *byte == b'"' && escapes.is_outside() {
                break false;
            }
            rest = after;
            raw.push(*byte);
            match escapes.next(*byte) {
                Symbol::Open => continue,
                Symbol::Byte(byte) if is_of_head(byte) => text.push(char::from(byte)),
                Symbol::Byte(_) | Symbol::Break | Symbol::Other => break false,
            }
            if text.ends_with(',') {
                break matches!(split_data_uri(text), Some(Ok(_)));
            }
            let mut scheme = text.bytes().zip(*b"data:");
            let is_open = scheme.all(|(is, wanted)| is.eq_ignore_ascii_case(&wanted));
            if !is_open || text.len() > MAX_HEAD {
                break false;
            }
        };
        let raw = std::mem::take(raw);
        self.state = match is_media {
            true => State::Media {
                decoder: Decoder::new(),
                escapes: Escapes::default(),
            },
            false => State::Text { escaped: false },
        };
        self.keep(&raw)?;
        Ok(rest)
    }

    fn media<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], ExtractError> {
        let State::Media { decoder, escapes } = &mut self.state else {
            return Ok(input);
        };
        let symbol: [u8; 1];
        let (symbols, rest, ended) =
            if let Some((byte, rest)) = input.split_first().filter(|_| !escapes.is_outside()) {
                let symbols: &[u8] = match escapes.next(*byte) {
                    // Line breaks say nothing in base64.
                    Symbol::Open | Symbol::Break => &[],
                    Symbol::Byte(byte) => {
                        symbol = [byte];
                        &symbol
                    }
                    Symbol::Other => return Err(ExtractError::NotBase64),
                };
                (symbols, rest, false)
            } else {
                let end = memchr::memchr2(b'"', b'\\', input).unwrap_or(input.len());
                let (run, rest) = input.split_at(end);
                match rest.split_first() {
                    Some((b'"', rest)) => (run, rest, true),
                    Some((backslash, rest)) => {
                        escapes.next(*backslash);
                        (run, rest, false)
                    }
                    None => (run, rest, false),
                }
            };
        decoder
            .push(&standard(symbols), &mut self.decoded)
            .map_err(|_| ExtractError::NotBase64)?;
        if ended {
            std::mem::take(decoder)
                .finish(&mut self.decoded)
                .map_err(|_| ExtractError::NotBase64)?;
            let number = self.count.to_string();
            self.count += 1;
            self.state = State::Between;
            self.keep(number.as_bytes())?;
            self.keep(b"\"")?;
        }
        Ok(rest)
    }
}

/// Base64 in the standard alphabet: the same API answers in either.
fn standard(symbols: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'-', b'_', symbols).is_none() {
        return Cow::Borrowed(symbols);
    }
    let translated = symbols.iter().map(|symbol| match symbol {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    });
    Cow::Owned(translated.collect())
}

/// Returns the number and the declared type of media that was taken out of a `data:` URI; `None`
/// where the text is nothing that the extractor takes.
pub(crate) fn extracted_media(text: &str) -> Option<(&str, Option<Mime>)> {
    let (mime, number) = split_data_uri(text)?.ok()?;
    let head = text.bytes().take_while(|byte| *byte != b',');
    head.into_iter().all(is_of_head).then_some((number, mime))
}

/// Whether a character may stand before the comma of a `data:` URI, for the extractor and for
/// readers of what it leaves.
fn is_of_head(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')
}

#[cfg(test)]
mod tests;
