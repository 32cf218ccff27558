//! Parts of the result that are not written yet.

use crate::extract::{Hold, Open, Respell, Value};
use crate::report::ReplacedValue;
use crate::scan::respell::Respelling;

/// A part of the result.
pub(super) enum Slot {
    Text(Vec<u8>),
    Respell(Box<Respell>),
    Held(Hold),
    /// What follows it in the history decides what it is.
    Open(u64, Box<Value>, Open),
    Uploading(u64),
    Placeholder(Box<Written>),
}

/// A placeholder and what the report says about it.
pub(super) struct Written {
    pub(super) id: u64,
    pub(super) text: String,
    pub(super) value: ReplacedValue,
}

impl Slot {
    /// The part that gives a value back as it was.
    pub(super) fn give_back(value: Value) -> Self {
        Self::Respell(Box::new(Respell {
            respelling: Respelling::of(value.finished),
            spill: value.spill,
        }))
    }

    /// Whether it is the value with an id.
    pub(super) fn is_value(&self, of: u64) -> bool {
        match self {
            Self::Open(id, ..) | Self::Uploading(id) => *id == of,
            Self::Placeholder(written) => written.id == of,
            _ => false,
        }
    }

    /// How much it holds in memory of what is to be written.
    pub(super) fn text_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Respell(respell) => respell.respelling.decoded.len(),
            Self::Placeholder(written) => written.text.len(),
            _ => 0,
        }
    }
}
