//! A string in the course of being read.

use crate::report::LeftReason;
use crate::scan::escape::{Out, Unescaper, Unit};

use super::evidence::is_judged_by_bytes;
use super::leaf::{Closing, Leaf, Step};
use super::shared::Shared;
use super::site::Site;
use super::value::Event;

/// How many levels of strings in strings are followed.
const MAX_LEVEL: usize = 3;

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
    pub(super) fn skip(&mut self, run: &[u8], site: &Site) -> usize {
        if !self.unescaper.is_plain() {
            return 0;
        }
        let keeps = self.is_key || self.is_evidence && self.capture.len() < CAPTURE;
        let read = match self.is_key {
            true => memchr::memchr3(b'"', b'\\', b'\n', run).unwrap_or(run.len()),
            false => {
                let judged_by_bytes = || is_judged_by_bytes(site.stack.place());
                let nests = site.level < MAX_LEVEL;
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
    fn capture(&mut self, unit: Unit<'_>, read: usize) {
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

    /// Reads escaped content; returns how much, also where it cannot stand in a string.
    pub(super) fn inside(
        &mut self,
        unit: Unit<'_>,
        site: &mut Site,
        shared: &mut Shared,
    ) -> Result<usize, usize> {
        let (read, out) = match unit {
            Unit::Run(run) => self.unescaper.run(run),
            Unit::Atom(atom) => (1, self.unescaper.character(atom)),
        };
        match (out, unit) {
            (Out::Run(len), Unit::Run(run)) => {
                let is_all = run.get(len) == Some(&b'"');
                let content = run.get(..len).unwrap_or_default();
                return Ok(self.content(Unit::Run(content), is_all, site, shared));
            }
            (Out::Atom, _) => self.waiting = Some(Waiting::Atom),
            (Out::Quote, _) => self.waiting = Some(Waiting::Quote),
            (Out::Bad, _) => return Err(read),
            _ => {}
        }
        Ok(read)
    }

    /// Takes what was unescaped. Returns whether the string has ended.
    pub(super) fn wait_ends(&mut self, site: &mut Site, shared: &mut Shared) -> bool {
        match self.waiting.take() {
            Some(Waiting::Atom) => {
                let atom = self.unescaper.take_atom();
                let read = self.content(Unit::Atom(&atom), false, site, shared);
                self.unescaper.put_atom(atom);
                self.waiting = (read == 0).then_some(Waiting::Atom);
                false
            }
            Some(Waiting::Quote) => self.close(site, shared),
            None => false,
        }
    }

    /// Takes content; returns how much.
    fn content(
        &mut self,
        unit: Unit<'_>,
        is_all: bool,
        site: &mut Site,
        shared: &mut Shared,
    ) -> usize {
        if self.is_key {
            self.capture(unit, usize::MAX);
            shared.out.extend_from_slice(unit.raw());
            return unit.text().len();
        }
        let nests = site.level < MAX_LEVEL;
        let step = self.leaf.unit(unit, nests, is_all, &mut shared.out);
        let read = step.read();
        self.capture(unit, read);
        self.after(step, site, shared);
        read
    }

    /// Reads content that was held, as prose.
    pub(super) fn prose(&mut self, unit: Unit<'_>, site: &mut Site, shared: &mut Shared) -> usize {
        let step = self.leaf.unit(unit, false, false, &mut shared.out);
        let read = step.read();
        self.after(step, site, shared);
        read
    }

    fn after(&mut self, step: Step, site: &mut Site, shared: &mut Shared) {
        match step {
            Step::Read(_) => {}
            Step::Found(_, found) => site.found(*found, shared),
            Step::Event(_, event) => shared.events.push(event),
        }
        if self.leaf.reads_prose()
            && let Some(uneven) = self.leaf.take_uneven()
        {
            site.leave_uneven(uneven, LeftReason::NotReproducible, shared);
        }
    }

    /// The string ends, or ends again after an event. Returns whether it has.
    fn close(&mut self, site: &mut Site, shared: &mut Shared) -> bool {
        let closing = self.leaf.close(&mut shared.out);
        if !self.is_key
            && let Some(uneven) = self.leaf.take_uneven()
        {
            site.leave_uneven(uneven, LeftReason::NotReproducible, shared);
        }
        match closing {
            Closing::Text => {
                shared.out.extend_from_slice(self.unescaper.atom().raw());
                return true;
            }
            Closing::Found(found) => site.found(*found, shared),
            Closing::Event(event) => shared.events.push(event),
            Closing::Nested(hold) => shared.events.push(Event::Replay(hold)),
        }
        self.waiting = Some(Waiting::Quote);
        false
    }

    /// The text ends inside the string: gives back what is kept.
    pub(super) fn abandon(mut self, reason: LeftReason, site: &mut Site, shared: &mut Shared) {
        let (event, torn) = self.leaf.abandon(&mut shared.out);
        if let Some(torn) = torn {
            site.leave_uneven(torn, reason, shared);
        }
        shared.give_back(event, self.unescaper.pending_or_bad());
    }
}
