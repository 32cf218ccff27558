//! A string in the course of being read.

use crate::scan::escape::{Unescaper, Unit};

use super::leaf::Leaf;

/// How much of a string is kept as a key, or as evidence.
const CAPTURE: usize = 129;

/// A string that is being read.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) is_key: bool,
    pub(super) unescaper: Unescaper,
    /// The start of the content, unescaped.
    pub(super) capture: Vec<u8>,
    pub(super) leaf: Leaf,
    /// What was unescaped and has not been taken.
    pub(super) waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Atom,
    Quote,
}

impl Text {
    /// The whole content, where it is short.
    pub(super) fn short(&self) -> Option<&[u8]> {
        (self.capture.len() < CAPTURE).then_some(&self.capture)
    }

    pub(super) fn new(is_key: bool, mut capture: Vec<u8>) -> Self {
        capture.clear();
        Self {
            is_key,
            unescaper: Unescaper::default(),
            capture,
            leaf: Leaf::default(),
            waiting: None,
        }
    }

    /// Keeps the start of what was read.
    pub(super) fn capture(&mut self, unit: Unit<'_>, read: usize) {
        let text = match unit {
            Unit::Run(run) => run.get(..read).unwrap_or(run),
            Unit::Atom(_) if read == 0 => &[],
            Unit::Atom(atom) => atom.text(),
        };
        let room = CAPTURE - self.capture.len();
        self.capture
            .extend_from_slice(text.get(..room).unwrap_or(text));
    }
}
