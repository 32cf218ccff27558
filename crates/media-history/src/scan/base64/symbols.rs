//! Symbols of one alphabet, decoded four at a time.

use media_types::SNIFF_LEN;
use media_types::base64::{Alphabet, Decoder, decode_with};

/// Decodes the symbols of base64 whose alphabet is not known beforehand.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    pub(super) alphabet: Option<Alphabet>,
    /// Up to three symbols that are not decoded yet.
    pub(super) carry: Vec<u8>,
    pub(super) decoded: Vec<u8>,
    pub(super) decoded_len: u64,
    /// The first decoded bytes, for sniffing.
    pub(super) head: Vec<u8>,
}

/// Whether a byte is a symbol of any alphabet.
pub(super) fn is_symbol(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// The alphabet that a symbol is in alone.
pub(super) fn alphabet_of(byte: u8) -> Option<Alphabet> {
    match byte {
        b'+' | b'/' => Some(Alphabet::Standard),
        b'-' | b'_' => Some(Alphabet::UrlSafe),
        _ => None,
    }
}

impl Symbols {
    /// Decodes symbols; returns how many are symbols of the alphabet.
    pub(super) fn decode(&mut self, symbols: &[u8]) -> usize {
        let fill = (4 - self.carry.len()) % 4;
        let (fill, rest) = symbols.split_at(fill.min(symbols.len()));
        let mut whole = Vec::new();
        if !self.carry.is_empty() {
            let valid = self.valid(fill);
            self.carry
                .extend_from_slice(fill.get(..valid).unwrap_or_default());
            if valid < fill.len() || self.carry.len() < 4 {
                return valid;
            }
            whole = std::mem::take(&mut self.carry);
        }
        self.push(&whole);
        whole.clear();
        self.carry = whole;
        let end = rest.len() / 4 * 4;
        let (quads, tail) = rest.split_at(end);
        let mut taken = fill.len();
        if !self.push(quads) {
            let valid = self.valid(quads);
            let even = valid / 4 * 4;
            self.push(quads.get(..even).unwrap_or_default());
            self.carry
                .extend_from_slice(quads.get(even..valid).unwrap_or_default());
            return taken + valid;
        }
        taken += quads.len();
        let valid = self.valid(tail);
        self.carry
            .extend_from_slice(tail.get(..valid).unwrap_or_default());
        taken + valid
    }

    /// How many bytes at the start are symbols of the alphabet.
    pub(super) fn valid(&self, symbols: &[u8]) -> usize {
        let other = match self.alphabet {
            Some(Alphabet::UrlSafe) => *b"+/",
            Some(_) => *b"-_",
            None => return symbols.iter().take_while(|byte| is_symbol(**byte)).count(),
        };
        symbols
            .iter()
            .take_while(|byte| is_symbol(**byte) && !other.contains(byte))
            .count()
    }

    /// Decodes the symbols that are left, at the end. Whether no bits are left over.
    pub(super) fn end(&mut self) -> bool {
        let Ok(last) = decode_with(self.alphabet.unwrap_or_default(), &self.carry) else {
            return false;
        };
        self.take(&last);
        self.decoded.extend_from_slice(&last);
        true
    }

    /// Decodes a multiple of four symbols. Whether that went well; nothing was decoded otherwise.
    fn push(&mut self, quads: &[u8]) -> bool {
        if quads.is_empty() {
            return true;
        }
        // At a multiple of four a decoder has no state but its alphabet.
        let mut decoder = Decoder::with_alphabet(self.alphabet.unwrap_or_default());
        let mut decoded = std::mem::take(&mut self.decoded);
        let before = decoded.len();
        let pushed = decoder.push(quads, &mut decoded);
        // The decoder passes over line breaks; here every byte must be a symbol.
        let is_whole = pushed.is_ok() && decoded.len() - before == quads.len() / 4 * 3;
        if is_whole {
            self.take(decoded.get(before..).unwrap_or_default());
        } else {
            decoded.truncate(before);
        }
        self.decoded = decoded;
        is_whole
    }

    /// Counts decoded bytes, and keeps the first.
    fn take(&mut self, new: &[u8]) {
        self.decoded_len += new.len() as u64;
        let missing = SNIFF_LEN.saturating_sub(self.head.len()).min(new.len());
        self.head
            .extend_from_slice(new.get(..missing).unwrap_or_default());
    }
}
