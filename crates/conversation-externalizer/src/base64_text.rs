//! Base64 as other programs write it into text and JSON.
//!
//! Besides what [`media_types::base64`] reads: the URL-safe alphabet, percent encoding (`%2B`), and
//! the escapes of JSON strings (`\/`, `\u002B`), since text of tools is often JSON.

use std::borrow::Cow;

use media_types::base64;

use super::pacer::Pacer;

/// How much text is decoded between two points at which other tasks may run.
const PIECE: usize = 1 << 20;

/// A run of base64 in a longer text.
pub(super) struct Base64Run<'a> {
    /// The symbols in the standard alphabet, with padding if there is any.
    pub(super) symbols: Cow<'a, [u8]>,
    /// Number of symbols before the last group of up to four, and where in the text that group
    /// starts: what does not decode there stays in the text.
    whole: usize,
    last_group: usize,
    /// Where the run ends in the text.
    pub(super) end: usize,
}

enum Symbol {
    Standard,
    UrlSafe,
    Pad,
    Break,
}

/// Reads one symbol in whatever spelling; returns it with the length of its spelling.
fn symbol(text: &[u8]) -> Option<(Symbol, u8, usize)> {
    let plain = |byte: u8, len| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {
            Some((Symbol::Standard, byte, len))
        }
        b'-' => Some((Symbol::UrlSafe, b'+', len)),
        b'_' => Some((Symbol::UrlSafe, b'/', len)),
        b'=' => Some((Symbol::Pad, byte, len)),
        b'\n' | b'\r' | b' ' | b'\t' => Some((Symbol::Break, byte, len)),
        _ => None,
    };
    match text {
        [b'%', a, b, ..] => plain(hex(*a, *b)?, 3),
        [b'\\', b'/', ..] => plain(b'/', 2),
        [b'\\', b'n', ..] => plain(b'\n', 2),
        [b'\\', b'r', ..] => plain(b'\r', 2),
        [b'\\', b'u', b'0', b'0', a, b, ..] => plain(hex(*a, *b)?, 6),
        [byte, ..] => plain(*byte, 1),
        [] => None,
    }
}

fn hex(a: u8, b: u8) -> Option<u8> {
    let digit = |c: u8| char::from(c).to_digit(16);
    u8::try_from(digit(a)? * 16 + digit(b)?).ok()
}

/// Reads a run of base64 from the start of `text`. Line breaks and spaces belong to it only when it
/// is known where it ends: at the byte `closer`, which must follow.
pub(super) fn read_run(text: &[u8], closer: Option<u8>) -> Base64Run<'_> {
    if closer.is_some() {
        let run = scan(text, true);
        if text.get(run.end).copied() == closer {
            return run;
        }
    }
    scan(text, false)
}

/// Reads a text that is base64 as a whole, line breaks and all.
pub(super) fn read_whole(text: &[u8]) -> Option<Base64Run<'_>> {
    let run = scan(text, true);
    (run.end == text.len()).then_some(run)
}

fn scan(text: &[u8], takes_breaks: bool) -> Base64Run<'_> {
    let is_standard = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let plain = text
        .iter()
        .position(|b| !is_standard(b))
        .unwrap_or(text.len());
    let mut symbols = Cow::Borrowed(&text[..plain]);
    let (mut whole, mut last_group) = (plain / 4 * 4, plain / 4 * 4);
    let (mut at, mut end) = (plain, plain);
    // Which spelling of the last two symbols of the alphabet the run uses, once one was seen.
    let mut is_url_safe = memchr::memchr2(b'+', b'/', &symbols).map(|_| false);
    let mut pads = 0;
    while let Some((kind, byte, len)) = text.get(at..).and_then(symbol) {
        let url_safe = match kind {
            Symbol::Break if takes_breaks => {
                at += len;
                continue;
            }
            Symbol::Break => break,
            Symbol::Pad if symbols.len() % 4 < 2 => break,
            Symbol::Pad => {
                pads += 1;
                symbols.to_mut().push(b'=');
                at += len;
                end = at;
                continue;
            }
            _ if pads > 0 => break,
            Symbol::UrlSafe => Some(true),
            Symbol::Standard if matches!(byte, b'+' | b'/') => Some(false),
            Symbol::Standard => None,
        };
        if url_safe.is_some() && is_url_safe.is_some() && url_safe != is_url_safe {
            break;
        }
        is_url_safe = is_url_safe.or(url_safe);
        if symbols.len() % 4 == 0 {
            (whole, last_group) = (symbols.len(), at);
        }
        symbols.to_mut().push(byte);
        at += len;
        end = at;
    }
    // What follows the last symbol belongs to the run only where the run is closed.
    let end = if takes_breaks { at } else { end };
    Base64Run {
        symbols,
        whole,
        last_group,
        end,
    }
}

impl Base64Run<'_> {
    /// Returns the number of bytes that the run decodes to, if it is valid.
    pub(super) fn decoded_len(&self) -> u64 {
        base64::decoded_len(&self.symbols)
    }

    /// Decodes the run; what is left over after the last whole byte stays out.
    ///
    /// Returns the bytes and where in the text the decoded part ends.
    pub(super) async fn decode(&self, pacer: &mut Pacer) -> Option<(Vec<u8>, usize)> {
        if let Some(bytes) = decode_symbols(&self.symbols, pacer).await {
            return Some((bytes, self.end));
        }
        // Only the last group can be at fault: it is cut short or has bits left over.
        let bytes = decode_symbols(self.symbols.get(..self.whole)?, pacer).await?;
        Some((bytes, self.last_group))
    }

    /// Decodes the run if all of it decodes.
    pub(super) async fn decode_exactly(&self, pacer: &mut Pacer) -> Option<Vec<u8>> {
        decode_symbols(&self.symbols, pacer).await
    }
}

async fn decode_symbols(symbols: &[u8], pacer: &mut Pacer) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(symbols.len() / 4 * 3 + 3);
    let mut decoder = base64::Decoder::new();
    for piece in symbols.chunks(PIECE) {
        decoder.push(piece, &mut bytes).ok()?;
        pacer.spend(piece.len()).await;
    }
    decoder.finish(&mut bytes).ok()?;
    Some(bytes)
}
