//! Reading a history piece by piece, without doing anything with what is found.

use crate::report::{Fault, FaultKind, LeftReason};
use crate::scan::escape::{Chain, Link, Unit};
use crate::settings::Rules;
use crate::spool::Spill;

use super::doc::{Doc, Taken};
use super::shared::Shared;

/// Splits a history into text and values.
///
/// The caller pushes input and does what the events say. After [`Event::Replay`] it pushes the text
/// that was held, then calls [`Extractor::replayed`], and goes on with the input that is left.
#[derive(Debug)]
pub(crate) struct Extractor {
    shared: Shared,
    /// One for each string that holds JSON, from the outside in.
    docs: Vec<Doc>,
    /// The text that is replayed, innermost last.
    replays: Vec<Replay>,
    base: Base,
}

/// Held text that is being read again.
#[derive(Debug)]
struct Replay {
    chain: Chain,
    /// Whether it is the prose of the innermost document, and not a document of its own.
    is_prose: bool,
    waits: bool,
}

/// The history itself.
#[derive(Debug, Default)]
struct Base {
    offset: u64,
    fault: Option<Fault>,
    mode: Mode,
    at_line_start: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Read,
    /// Copies up to the next line.
    SkipLine,
    /// Copies everything.
    Copy,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

impl Extractor {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            shared: Shared::new(rules),
            docs: vec![Doc::new(0, String::new())],
            replays: Vec::new(),
            base: Base {
                at_line_start: true,
                ..Base::default()
            },
        }
    }

    /// The text up to the events, to be taken.
    pub(crate) fn shared(&mut self) -> &mut Shared {
        &mut self.shared
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.base.fault
    }

    /// The bytes that are in memory and may grow, and where they go when they are too many.
    pub(crate) fn buffer(&mut self) -> Option<(&mut Vec<u8>, &mut Option<Spill>)> {
        self.docs.last_mut()?.buffer()
    }

    /// Reads input until there is an event; returns how many bytes were read.
    pub(crate) fn push(&mut self, input: &[u8]) -> usize {
        let mut at = 0;
        while self.shared.events.is_empty() {
            let rest = input.get(at..).unwrap_or_default();
            let waits = match self.replays.last() {
                Some(replay) if replay.is_prose => replay.waits,
                _ => self.docs.last().is_some_and(Doc::is_waiting),
            };
            if rest.is_empty() && !waits {
                break;
            }
            at += match self.replays.is_empty() {
                true => self.push_base(rest),
                false => self.push_replay(rest),
            };
        }
        at
    }

    fn push_base(&mut self, rest: &[u8]) -> usize {
        let Some(doc) = self.docs.first_mut() else {
            return rest.len();
        };
        let mark = usize::try_from(self.base.offset)
            .ok()
            .and_then(|at| BOM.get(at));
        if let (Some(mark), Some(first)) = (mark, rest.first())
            && mark == first
        {
            self.shared.out.push(*first);
            self.base.offset += 1;
            return 1;
        }
        let read = match self.base.mode {
            Mode::Read => match doc.unit(Unit::Run(rest), &mut self.shared) {
                Taken::Read(read) => {
                    let text = rest.get(..read).unwrap_or_default();
                    self.base.at_line_start = text.last().is_some_and(|last| *last == b'\n');
                    read
                }
                Taken::Fault(read, kind) => self.fault_at(rest, read, kind),
            },
            Mode::SkipLine => {
                let line = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
                let text = rest.get(..line).unwrap_or_default();
                self.shared.out.extend_from_slice(text);
                if text.ends_with(b"\n") {
                    self.base.mode = Mode::Read;
                    self.base.at_line_start = true;
                }
                line
            }
            Mode::Copy => {
                self.shared.out.extend_from_slice(rest);
                rest.len()
            }
        };
        self.base.offset += read as u64;
        read
    }

    /// A byte of the history cannot stand where it is: the last of those read.
    fn fault_at(&mut self, rest: &[u8], read: usize, kind: FaultKind) -> usize {
        let Some(doc) = self.docs.first_mut() else {
            return read;
        };
        self.base.fault.get_or_insert(Fault {
            offset: self.base.offset + read.saturating_sub(1) as u64,
            kind,
        });
        let text = rest.get(..read).unwrap_or_default();
        let starts_line = match text {
            [.., b'\n', _] => true,
            [_] => self.base.at_line_start,
            _ => false,
        };
        doc.abandon(LeftReason::Torn, &mut self.shared);
        doc.reset();
        self.shared.watch.end(&mut self.shared.events);
        self.base.mode = match (self.shared.is_lines, text.last()) {
            (false, _) => Mode::Copy,
            (true, Some(b'\n')) => {
                self.base.at_line_start = true;
                Mode::Read
            }
            // The line before was torn; this one begins at the byte.
            (true, Some(b'{' | b'[')) if starts_line => {
                self.shared.out.pop();
                self.base.at_line_start = false;
                return read - 1;
            }
            (true, _) => Mode::SkipLine,
        };
        read
    }

    fn push_replay(&mut self, rest: &[u8]) -> usize {
        let (Some(replay), Some(doc)) = (self.replays.last_mut(), self.docs.last_mut()) else {
            return rest.len();
        };
        // What waits beside prose that is replayed comes after it.
        if !replay.is_prose && doc.is_waiting() {
            doc.unit(Unit::Run(&[]), &mut self.shared);
            return 0;
        }
        if replay.waits {
            replay.waits = false;
            if let Some(atom) = replay.chain.atom() {
                let read = doc.prose(Unit::Atom(atom), &mut self.shared);
                replay.waits = read == 0;
            }
            return 0;
        }
        match replay.chain.next(rest) {
            Link::Open(read) => read,
            Link::Unit(read, unit @ Unit::Atom(_)) => {
                if !replay.is_prose {
                    doc.unit(unit, &mut self.shared);
                } else if doc.prose(unit, &mut self.shared) == 0 {
                    replay.waits = true;
                }
                read
            }
            Link::Unit(_, unit) if replay.is_prose => doc.prose(unit, &mut self.shared),
            Link::Unit(_, unit) => match doc.unit(unit, &mut self.shared) {
                Taken::Read(read) | Taken::Fault(read, _) => read,
            },
            // What is replayed was read before without a fault.
            Link::Bad => {
                self.shared.out.extend_from_slice(rest);
                rest.len()
            }
        }
    }

    /// Begins to read text that was held: what is pushed from now on is that text.
    pub(crate) fn replay(&mut self) {
        let Some(doc) = self.docs.last_mut() else {
            return;
        };
        let is_prose = doc.leaf().is_some_and(|leaf| leaf.reads_prose());
        let level = doc.level() + 1;
        if !is_prose {
            let prefix = doc.path() + "#";
            self.docs.push(Doc::new(level, prefix));
        }
        self.replays.push(Replay {
            chain: Chain::new(level),
            is_prose,
            waits: false,
        });
    }

    /// The text that was held was pushed to its end, and there is no event.
    pub(crate) fn replayed(&mut self) {
        if self.replays.pop().is_some_and(|replay| !replay.is_prose) {
            self.docs.pop();
        }
    }

    /// The history ends. Returns after each event, and has to be called again until there is none.
    pub(crate) fn finish(&mut self) {
        let Some(doc) = self.docs.first_mut() else {
            return;
        };
        while self.shared.events.is_empty() && doc.is_waiting() {
            doc.unit(Unit::Run(&[]), &mut self.shared);
        }
        if !self.shared.events.is_empty() {
            return;
        }
        if self.base.mode == Mode::Read && !doc.may_end() {
            self.base.fault.get_or_insert(Fault {
                offset: self.base.offset,
                kind: FaultKind::Torn,
            });
        }
        doc.abandon(LeftReason::Torn, &mut self.shared);
        doc.reset();
        self.shared.watch.end(&mut self.shared.events);
        self.base.mode = Mode::Copy;
    }
}
