//! Writing base64 back as it was.

use crate::style::{Style, StyledEncoder};

/// Base64 that was read to its end.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) style: Style,
    /// The decoded bytes that were not taken before.
    pub(crate) decoded: Vec<u8>,
    pub(crate) decoded_len: u64,
    pub(crate) text_len: u64,
    /// The first bytes, for sniffing.
    pub(crate) head: Vec<u8>,
}

/// Base64 that is written back as it was.
#[derive(Debug)]
pub(crate) struct Respelling {
    encoder: StyledEncoder,
    /// The decoded bytes that were not taken before; they are the last.
    pub(crate) decoded: Vec<u8>,
    end: End,
}

#[derive(Debug)]
enum End {
    /// Symbols that are not decoded, and text after them.
    Symbols { symbols: Vec<u8>, rest: Vec<u8> },
    /// All is decoded.
    Canonical,
}

impl Respelling {
    /// Writes back decoded bytes, then symbols that were not decoded, then other text.
    pub(crate) fn new(style: Style, decoded: Vec<u8>, symbols: Vec<u8>, rest: Vec<u8>) -> Self {
        Self {
            encoder: StyledEncoder::new(style),
            decoded,
            end: End::Symbols { symbols, rest },
        }
    }

    /// Writes finished base64 back.
    pub(crate) fn of(finished: Finished) -> Self {
        Self {
            encoder: StyledEncoder::new(finished.style),
            decoded: finished.decoded,
            end: End::Canonical,
        }
    }

    /// Spells bytes that were taken before.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.encoder.push(bytes, out);
    }

    /// Spells the rest.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) {
        self.encoder.push(&self.decoded, out);
        match self.end {
            End::Canonical => self.encoder.finish(out),
            End::Symbols { symbols, rest } => {
                self.encoder.push_symbols(&symbols, out);
                out.extend_from_slice(&rest);
            }
        }
    }
}
