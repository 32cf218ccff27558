//! How bytes are spelled in a history.

use std::fmt;

use super::base64::{Base64Encoder, Base64Style};
use super::numbers::{NumberEncoder, NumberStyle};

/// How many bytes are spelled at a time: as numbers, the text of one may have over two hundred bytes.
pub(crate) const SPELLED_AT_A_TIME: usize = 16 * 1024;

/// How bytes are spelled in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// As the content of a string, or a part of it.
    Base64(Base64Style),
    /// As numbers. The placeholder is a string in their place.
    Numbers(Box<NumberStyle>),
}

impl Style {
    /// Reads the form of a placeholder.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.starts_with('n') {
            true => NumberStyle::parse(text).map(|style| Self::Numbers(Box::new(style))),
            false => Base64Style::parse(text).map(Self::Base64),
        }
    }

    /// Whether quotes stand around the placeholder that are not there around the bytes.
    pub(crate) fn is_quoted(&self) -> bool {
        matches!(self, Self::Numbers(_))
    }
}

impl fmt::Display for Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base64(style) => style.fmt(f),
            Self::Numbers(style) => style.fmt(f),
        }
    }
}

/// Spells bytes that arrive in pieces of any size.
#[derive(Debug)]
pub(crate) struct StyledEncoder(Kind);

#[derive(Debug)]
enum Kind {
    Base64(Base64Encoder),
    Numbers(NumberEncoder),
}

impl StyledEncoder {
    /// An encoder at the start of the bytes.
    pub(crate) fn new(style: Style) -> Self {
        Self(match style {
            Style::Base64(style) => Kind::Base64(Base64Encoder::new(style)),
            Style::Numbers(style) => Kind::Numbers(NumberEncoder::new(*style)),
        })
    }

    /// Returns the room for the text of `bytes` more bytes.
    pub(crate) fn capacity(&self, bytes: usize) -> usize {
        match &self.0 {
            Kind::Base64(encoder) => encoder.capacity(bytes),
            Kind::Numbers(encoder) => encoder.capacity(bytes),
        }
    }

    /// Spells the next piece and appends the text to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match &mut self.0 {
            Kind::Base64(encoder) => encoder.push(bytes, out),
            Kind::Numbers(encoder) => encoder.push(bytes, out),
        }
    }

    /// Ends the text: appends what was left.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        match self.0 {
            Kind::Base64(encoder) => encoder.finish(out),
            Kind::Numbers(encoder) => encoder.finish(out),
        }
    }
}
