//! Base64 (RFC 4648): strict when writing, lenient when reading.
//!
//! Functions without an [`Alphabet`] use the standard one; [`Decoder`] and [`Encoder`] take either.
//! Reading accepts line breaks and missing padding, and refuses everything else that is not
//! canonical: other characters, data after the padding, non-zero unused bits in the last symbol.
//! The codec uses vector instructions where the processor has them.

use std::sync::LazyLock;

use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurposeConfig, Simd};
use base64::{DecodeError, DecodeSliceError};

use crate::error::{Base64Error, ValueError};
use crate::mime::Mime;

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

static STANDARD: LazyLock<Simd> = LazyLock::new(|| Simd::standard(CONFIG));

static URL_SAFE: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(CONFIG));

/// The two alphabets of base64, which differ in their last two symbols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Alphabet {
    /// `+` and `/` (RFC 4648, section 4).
    #[default]
    Standard,
    /// `-` and `_` (RFC 4648, section 5).
    UrlSafe,
}

impl Alphabet {
    /// Returns the last two symbols, which stand for 62 and 63.
    pub const fn last_symbols(self) -> [u8; 2] {
        match self {
            Self::Standard => *b"+/",
            Self::UrlSafe => *b"-_",
        }
    }

    fn engine(self) -> &'static Simd {
        match self {
            Self::Standard => &STANDARD,
            Self::UrlSafe => &URL_SAFE,
        }
    }
}

/// Encodes bytes, with padding.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Returns the number of characters of `len` bytes when they are encoded with padding.
pub const fn encoded_len(len: u64) -> u64 {
    len.div_ceil(3).saturating_mul(4)
}

/// Returns the number of bytes that text decodes to, if it is valid. Does not decode it.
pub fn decoded_len(text: &[u8]) -> u64 {
    let breaks = memchr::memchr2_iter(b'\n', b'\r', text).count();
    let pads = text
        .iter()
        .rev()
        .filter(|b| !matches!(b, b'\n' | b'\r'))
        .take_while(|b| **b == b'=')
        .count();
    let symbols = text.len().saturating_sub(breaks + pads) as u64;
    symbols / 4 * 3 + (symbols % 4).saturating_sub(1)
}

/// Decodes text.
///
/// # Errors
/// [`Base64Error`] with the offset of the first fault.
///
/// ```
/// use media_types::base64;
/// assert_eq!(base64::decode(b"aGVsbG8=")?, b"hello");
/// assert_eq!(base64::decode(b"aGVs\nbG8")?, b"hello");
/// assert_eq!(base64::decode(b"aGV*").unwrap_err().offset(), 3);
/// # Ok::<(), media_types::Base64Error>(())
/// ```
pub fn decode(text: &[u8]) -> Result<Vec<u8>, Base64Error> {
    decode_with(Alphabet::Standard, text)
}

/// Decodes text of an alphabet. Line breaks and missing padding are accepted.
///
/// # Errors
/// Returns [`Base64Error`] with the offset of the first fault, which a symbol of the other alphabet
/// is too.
///
/// ```
/// use media_types::base64::{self, Alphabet};
/// assert_eq!(base64::decode_with(Alphabet::UrlSafe, b"-_8")?, [0xfb, 0xff]);
/// assert!(base64::decode_with(Alphabet::Standard, b"-_8").is_err());
/// # Ok::<(), media_types::Base64Error>(())
/// ```
pub fn decode_with(alphabet: Alphabet, text: &[u8]) -> Result<Vec<u8>, Base64Error> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut decoder = Decoder::with_alphabet(alphabet);
    decoder.push(text, &mut out)?;
    decoder.finish(&mut out)?;
    Ok(out)
}

/// Splits a `data:` URI (RFC 2397) with base64 into its type and its payload. Returns `None` if the text is
/// not a `data:` URI.
///
/// # Errors
/// Fails for a `data:` URI that is not base64, has no comma, or has an invalid type.
#[allow(clippy::type_complexity)]
pub fn split_data_uri(text: &str) -> Option<Result<(Option<Mime>, &str), ValueError>> {
    use crate::error::ValueKind;
    let rest = text
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("data:"))
        .and_then(|_| text.get(5..))?;
    // The header ends at the first comma; looking further would scan megabytes of payload.
    let head_len = rest.len().min(1024);
    let Some(comma) = rest.as_bytes()[..head_len].iter().position(|b| *b == b',') else {
        return Some(Err(ValueError::new(
            ValueKind::Content,
            "the data: URI has no comma",
        )));
    };
    let (head, payload) = (&rest[..comma], &rest[comma + 1..]);
    let Some(kind) = head
        .len()
        .checked_sub(7)
        .and_then(|at| head.split_at_checked(at))
        .filter(|(_, end)| end.eq_ignore_ascii_case(";base64"))
        .map(|(kind, _)| kind)
    else {
        return Some(Err(ValueError::new(
            ValueKind::Content,
            "the data: URI is not base64",
        )));
    };
    if kind.is_empty() || kind.starts_with(';') {
        return Some(Ok((None, payload)));
    }
    Some(kind.parse().map(|mime| (Some(mime), payload)))
}

/// A decoder of text that arrives in pieces of any size.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    alphabet: Alphabet,
    carry: [u8; 4],
    carried: usize,
    pads: usize,
    offset: u64,
}

impl Decoder {
    /// Creates a decoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a decoder of an alphabet at the start of a text.
    pub fn with_alphabet(alphabet: Alphabet) -> Self {
        Self {
            alphabet,
            ..Self::default()
        }
    }

    /// Decodes the next piece and appends the bytes to `out`.
    ///
    /// # Errors
    /// [`Base64Error`], after which the decoder must not be used.
    pub fn push(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Base64Error> {
        let old = out.len();
        out.resize(old + room_for(text.len()), 0);
        let decoded = self.decode(text, &mut out[old..]);
        out.truncate(old + decoded.as_ref().map_or(0, |len| *len));
        decoded.map(drop)
    }

    /// Decodes the next piece to the start of `buffer` and returns the number of bytes. The buffer grows if
    /// needed and never shrinks, so it may be reused without clearing it.
    ///
    /// # Errors
    /// [`Base64Error`], after which the decoder must not be used.
    ///
    /// ```
    /// # use media_types::base64::Decoder;
    /// let (mut decoder, mut buffer) = (Decoder::new(), Vec::new());
    /// let len = decoder.push_into(b"aGVsbG8h", &mut buffer)?;
    /// assert_eq!(buffer[..len], *b"hello!");
    /// # Ok::<(), media_types::Base64Error>(())
    /// ```
    pub fn push_into(&mut self, text: &[u8], buffer: &mut Vec<u8>) -> Result<usize, Base64Error> {
        let room = room_for(text.len());
        if buffer.len() < room {
            buffer.resize(room, 0);
        }
        self.decode(text, buffer)
    }

    /// Ends the text and appends the remaining bytes.
    ///
    /// # Errors
    /// [`Base64Error`] if the text ends in the middle of a byte.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), Base64Error> {
        let left = &self.carry[..self.carried];
        if left.len() == 1 {
            return Err(Base64Error::new(
                self.offset,
                "the text ends in the middle of a byte",
            ));
        }
        let start = self.offset - (self.pads + self.carried) as u64;
        let mut last = [0; 3];
        let len = decode_symbols(self.alphabet, left, start, &mut last)?;
        out.extend_from_slice(&last[..len]);
        Ok(())
    }

    /// `out` has [`room_for`] the text.
    fn decode(&mut self, text: &[u8], out: &mut [u8]) -> Result<usize, Base64Error> {
        let (mut text, mut len) = self.decode_plain(text, out);
        while let Some(&first) = text.first() {
            match first {
                b'\n' | b'\r' => {
                    text = &text[1..];
                    self.offset += 1;
                }
                b'=' => {
                    self.pads += 1;
                    if self.carried < 2 || self.carried + self.pads > 4 {
                        return Err(Base64Error::new(self.offset, "padding in the wrong place"));
                    }
                    text = &text[1..];
                    self.offset += 1;
                }
                _ if self.pads > 0 => {
                    return Err(Base64Error::new(self.offset, "data after the padding"));
                }
                _ => {
                    let end = memchr::memchr3(b'\n', b'\r', b'=', text).unwrap_or(text.len());
                    let (run, rest) = text.split_at(end);
                    len += self.decode_run(run, &mut out[len..])?;
                    text = rest;
                }
            }
        }
        Ok(len)
    }

    /// Decodes as much as possible on the assumption that there are no line breaks and no padding.
    /// Faults are left to the slow path. Returns the rest of the text and the number of bytes.
    fn decode_plain<'a>(&mut self, text: &'a [u8], out: &mut [u8]) -> (&'a [u8], usize) {
        // The last group may be padded.
        let end = (text.len() / 4 * 4).saturating_sub(4);
        let (plain, rest) = text.split_at(end);
        // What ends so would be taken for the end of the text.
        let fits = self.carried == 0 && self.pads == 0 && plain.last().is_some_and(|b| *b != b'=');
        match fits.then(|| self.alphabet.engine().decode_slice(plain, out)) {
            Some(Ok(len)) => {
                self.offset += end as u64;
                (rest, len)
            }
            _ => (text, 0),
        }
    }

    /// Symbols only: no line break, no padding.
    fn decode_run(&mut self, mut run: &[u8], out: &mut [u8]) -> Result<usize, Base64Error> {
        let (mut start, mut len) = (self.offset, 0);
        self.offset += run.len() as u64;
        if self.carried > 0 {
            let take = run.len().min(4 - self.carried);
            let (head, rest) = run.split_at(take);
            self.carry[self.carried..self.carried + take].copy_from_slice(head);
            self.carried += take;
            run = rest;
            if self.carried < 4 {
                return Ok(0);
            }
            len = decode_symbols(
                self.alphabet,
                &self.carry,
                start.saturating_sub(4 - take as u64),
                out,
            )?;
            self.carried = 0;
            start += take as u64;
        }
        let (whole, rest) = run.split_at(run.len() / 4 * 4);
        len += decode_symbols(self.alphabet, whole, start, &mut out[len..])?;
        self.carry[..rest.len()].copy_from_slice(rest);
        self.carried = rest.len();
        Ok(len)
    }
}

/// How many bytes a piece of text can decode to, with what is carried over.
const fn room_for(text: usize) -> usize {
    text / 4 * 3 + 6
}

fn decode_symbols(
    alphabet: Alphabet,
    symbols: &[u8],
    start: u64,
    out: &mut [u8],
) -> Result<usize, Base64Error> {
    alphabet
        .engine()
        .decode_slice(symbols, out)
        .map_err(|error| {
            let (at, reason) = match error {
                DecodeSliceError::DecodeError(DecodeError::InvalidByte(at, _)) => {
                    (at, "character outside of the alphabet")
                }
                DecodeSliceError::DecodeError(DecodeError::InvalidLastSymbol {
                    offset, ..
                }) => (offset, "unused bits in the last symbol are not zero"),
                _ => (symbols.len(), "the text ends in the middle of a byte"),
            };
            Base64Error::new(start + at as u64, reason)
        })
}

/// An encoder of bytes that arrive in pieces of any size.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    alphabet: Alphabet,
    carry: [u8; 3],
    carried: usize,
}

impl Encoder {
    /// Creates an encoder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an encoder to an alphabet at the start of the bytes.
    pub fn with_alphabet(alphabet: Alphabet) -> Self {
        Self {
            alphabet,
            ..Self::default()
        }
    }

    /// Encodes the next piece and appends the text to `out`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        if self.carried > 0 {
            let take = bytes.len().min(3 - self.carried);
            let (head, rest) = bytes.split_at(take);
            self.carry[self.carried..self.carried + take].copy_from_slice(head);
            self.carried += take;
            bytes = rest;
            if self.carried < 3 {
                return;
            }
            encode_onto(self.alphabet, &self.carry, out);
            self.carried = 0;
        }
        let (whole, rest) = bytes.split_at(bytes.len() / 3 * 3);
        encode_onto(self.alphabet, whole, out);
        self.carry[..rest.len()].copy_from_slice(rest);
        self.carried = rest.len();
    }

    /// Ends the text: appends the remaining characters, with padding.
    pub fn finish(self, out: &mut Vec<u8>) {
        encode_onto(self.alphabet, &self.carry[..self.carried], out);
    }
}

fn encode_onto(alphabet: Alphabet, bytes: &[u8], out: &mut Vec<u8>) {
    let old = out.len();
    out.resize(old + bytes.len().div_ceil(3) * 4, 0);
    // The room is exact, so the only error, too little of it, cannot happen.
    if let Ok(written) = alphabet.engine().encode_slice(bytes, &mut out[old..]) {
        out.truncate(old + written);
    }
}

#[cfg(test)]
mod tests;
