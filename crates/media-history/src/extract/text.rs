//! A string in the course of being read.

use crate::scan::escape::{Unescaper, Unit};

use super::evidence::is_judged_by_bytes;
use super::leaf::Leaf;
use super::stack::Stack;

/// How much of a string is kept as a key, or as evidence.
const CAPTURE: usize = 129;

/// A string that is being read.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) is_key: bool,
    /// Whether what a value says is of use for the values beside it.
    is_evidence: bool,
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
        (self.is_evidence && self.capture.len() < CAPTURE).then_some(&self.capture)
    }

    pub(super) fn key(capture: Vec<u8>) -> Self {
        Self::new(true, false, capture)
    }

    pub(super) fn value(is_evidence: bool, capture: Vec<u8>) -> Self {
        Self::new(false, is_evidence, capture)
    }

    fn new(is_key: bool, is_evidence: bool, mut capture: Vec<u8>) -> Self {
        capture.clear();
        Self {
            is_key,
            is_evidence,
            unescaper: Unescaper::default(),
            capture,
            leaf: Leaf::default(),
            waiting: None,
        }
    }

    /// Reads a run as far as nothing in it is to be looked at more closely; returns how far that is.
    pub(super) fn skip(&mut self, run: &[u8], nests: bool, stack: &Stack) -> usize {
        if !self.unescaper.is_plain() {
            return 0;
        }
        let keeps = self.is_key || self.is_evidence && self.capture.len() < CAPTURE;
        let read = match self.is_key {
            true => memchr::memchr3(b'"', b'\\', b'\n', run).unwrap_or(run.len()),
            false => {
                let judged_by_bytes = || is_judged_by_bytes(stack.place());
                self.leaf.skip(run, nests, !keeps, judged_by_bytes)
            }
        };
        if keeps {
            self.capture(Unit::Run(run), read);
        }
        read
    }

    /// Whether the string may end at a quote without anything that is to be done.
    pub(super) fn is_text(&self) -> bool {
        self.unescaper.is_plain() && (self.is_key || self.leaf.is_text())
    }

    /// Keeps the start of what was read, where it is of use.
    pub(super) fn capture(&mut self, unit: Unit<'_>, read: usize) {
        if !self.is_key && !self.is_evidence {
            return;
        }
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
