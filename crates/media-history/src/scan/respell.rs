//! Writing bytes back as they were spelled.

use crate::style::{Base64Encoder, Base64Style, NumberEncoder, NumberStyle, Style, StyledEncoder};

/// Bytes that were read to the end of their text.
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

/// Bytes that are written back as they were spelled.
#[derive(Debug)]
pub(crate) struct Respelling {
    /// The decoded bytes that were not taken before; they are the last.
    pub(crate) decoded: Vec<u8>,
    text: Text,
}

#[derive(Debug)]
enum Text {
    /// All of it was decoded.
    Whole(StyledEncoder),
    /// Base64 up to symbols that are not decoded, and text after them.
    Base64 {
        encoder: Base64Encoder,
        symbols: Vec<u8>,
        rest: Vec<u8>,
    },
    /// Numbers, without what comes after them.
    Numbers(NumberEncoder),
}

impl Respelling {
    /// Writes the bytes of a finished text back.
    pub(crate) fn of(finished: Finished) -> Self {
        Self {
            decoded: finished.decoded,
            text: Text::Whole(StyledEncoder::new(finished.style)),
        }
    }

    /// Writes back decoded bytes, then symbols that were not decoded, then other text.
    pub(crate) fn of_base64(
        style: Base64Style,
        decoded: Vec<u8>,
        symbols: Vec<u8>,
        rest: Vec<u8>,
    ) -> Self {
        Self {
            decoded,
            text: Text::Base64 {
                encoder: Base64Encoder::new(style),
                symbols,
                rest,
            },
        }
    }

    /// Writes numbers back, up to the last digit.
    pub(crate) fn of_numbers(style: NumberStyle, decoded: Vec<u8>) -> Self {
        Self {
            decoded,
            text: Text::Numbers(NumberEncoder::new(style)),
        }
    }

    /// Room for the text of the decoded bytes.
    pub(crate) fn capacity(&self) -> usize {
        let len = self.decoded.len();
        match &self.text {
            Text::Whole(encoder) => encoder.capacity(len),
            Text::Base64 { encoder, .. } => encoder.capacity(len),
            Text::Numbers(encoder) => encoder.capacity(len),
        }
    }

    /// Spells bytes that were taken before.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match &mut self.text {
            Text::Whole(encoder) => encoder.push(bytes, out),
            Text::Base64 { encoder, .. } => encoder.push(bytes, out),
            Text::Numbers(encoder) => encoder.push(bytes, out),
        }
    }

    /// Spells the rest.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) {
        let decoded = std::mem::take(&mut self.decoded);
        self.push(&decoded, out);
        match self.text {
            Text::Whole(encoder) => encoder.finish(out),
            Text::Base64 {
                mut encoder,
                symbols,
                rest,
            } => {
                encoder.push_symbols(&symbols, out);
                out.extend_from_slice(&rest);
            }
            Text::Numbers(_) => {}
        }
    }
}
