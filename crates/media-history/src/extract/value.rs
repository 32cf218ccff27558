//! Values that were found, and text that is kept until it is known what it is.

use media_types::{Mime, sniff};

use crate::report::{LeftReason, LeftValue, MediaClass};
use crate::scan::respell::{Finished, Respelling};
use crate::spool::Spill;

/// Media that was found.
#[derive(Debug)]
pub(crate) struct Value {
    pub(crate) class: MediaClass,
    pub(crate) document: u64,
    pub(crate) path: String,
    /// How many strings it is inside of.
    pub(crate) level: usize,
    /// The type that the history names.
    pub(crate) named: Option<Mime>,
    pub(crate) finished: Finished,
    /// The decoded bytes before those in memory.
    pub(crate) spill: Option<Spill>,
}

impl Value {
    /// The type that it is stored with.
    pub(crate) fn mime(&self) -> Mime {
        self.named
            .clone()
            .or_else(|| sniff(&self.finished.head))
            .unwrap_or(Mime::OCTET_STREAM)
    }

    /// What a report says when it is left.
    pub(crate) fn left(&self, reason: LeftReason) -> LeftValue {
        LeftValue {
            document: self.document,
            path: self.path.clone(),
            class: self.class,
            bytes: self.finished.decoded_len,
            reason,
        }
    }
}

/// Decoded bytes to be written as they were spelled.
#[derive(Debug)]
pub(crate) struct Respell {
    pub(crate) respelling: Respelling,
    /// What is before the bytes in memory.
    pub(crate) spill: Option<Spill>,
}

/// Text as it is written, kept until its string ends.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    pub(crate) raw: Vec<u8>,
    /// What is before that.
    pub(crate) spill: Option<Spill>,
}

/// What of a value its object still decides, by [`Event::Resolved`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    Nothing,
    /// It is media; its type may be named.
    Type,
    /// Whether it is media.
    Kind,
}

/// What a caller has to do before the extractor reads on. What the extractor wrote before comes first.
#[derive(Debug)]
pub(crate) enum Event {
    /// A value stands here.
    Value {
        id: u64,
        value: Box<Value>,
        open: Open,
    },
    /// Text stands here.
    Respell(Box<Respell>),
    /// Text stands here.
    Held(Hold),
    /// This text is to be read next, before the input goes on.
    Replay(Hold),
    /// An open value is media, or is not.
    Resolved {
        id: u64,
        is_media: bool,
        named: Option<Mime>,
    },
    /// A type was named after the value was stored.
    LateType { id: u64, mime: Mime },
}
