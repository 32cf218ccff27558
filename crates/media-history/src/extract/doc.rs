//! One JSON text, or several in a row, at one level of strings in strings.

use crate::report::{FaultKind, LeftReason};
use crate::scan::escape::Unit;
use crate::scan::numbers::Read;
use crate::spool::Spill;

use super::array::Array;
use super::leaf::Leaf;
use super::shared::Shared;
use super::structure::{Begins, Structure};
use super::text::Text;

/// A JSON text in the course of being read.
#[derive(Debug)]
pub(crate) struct Doc {
    structure: Structure,
    text: Option<Text>,
    /// What may be bytes that are written as numbers.
    array: Option<Box<Array>>,
    /// A buffer to be used again.
    spare: Vec<u8>,
    /// An array that was none, to be used again.
    spare_array: Option<Box<Array>>,
}

/// What came of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// This number of bytes of the run, or of the character, was read.
    Read(usize),
    /// As [`Taken::Read`]; the last byte cannot stand there.
    Fault(usize, FaultKind),
}

impl Taken {
    fn into_parts(self) -> (usize, Option<FaultKind>) {
        match self {
            Self::Read(read) => (read, None),
            Self::Fault(read, kind) => (read, Some(kind)),
        }
    }
}

impl Doc {
    pub(crate) fn new(level: usize, prefix: String) -> Self {
        Self {
            structure: Structure::new(level, prefix),
            text: None,
            array: None,
            spare: Vec::new(),
            spare_array: None,
        }
    }

    pub(crate) fn level(&self) -> usize {
        self.structure.site.level
    }

    /// Where the current value stands.
    pub(crate) fn path(&self) -> String {
        self.structure.site.path()
    }

    /// Whether something is to be taken before more input.
    pub(crate) fn is_waiting(&self) -> bool {
        self.text
            .as_ref()
            .is_some_and(|text| text.waiting.is_some())
    }

    /// Whether the text may end here.
    pub(crate) fn may_end(&self) -> bool {
        self.text.is_none() && self.structure.may_end()
    }

    pub(crate) fn leaf(&mut self) -> Option<&mut Leaf> {
        self.text.as_mut().map(|text| &mut text.leaf)
    }

    /// The bytes that are in memory and may grow, and where they go when they are too many.
    pub(crate) fn buffer(&mut self) -> Option<(&mut Vec<u8>, &mut Option<Spill>)> {
        match &mut self.array {
            Some(array) => Some(array.buffer()),
            None => self.text.as_mut()?.leaf.buffer(),
        }
    }

    /// Forgets what is open, to begin anew.
    pub(crate) fn reset(&mut self) {
        self.structure.reset();
        self.text = None;
        self.array = None;
    }

    /// Takes some of a unit of the text. Stops after each event.
    pub(crate) fn unit(&mut self, unit: Unit<'_>, shared: &mut Shared) -> Taken {
        if self.is_waiting() {
            self.wait_ends(shared);
            return Taken::Read(0);
        }
        match unit {
            Unit::Run(run) => self.run(run, shared),
            Unit::Atom(_) if self.text.is_some() => self.inside(unit, shared),
            Unit::Atom(_) if self.array.is_some() => self.numbers(unit, shared),
            Unit::Atom(atom) => match atom.text() {
                [byte] => {
                    let fault = self.byte(*byte, atom.raw(), shared);
                    if self.array.is_none() {
                        shared.out.extend_from_slice(atom.raw());
                    }
                    fault.map_or(Taken::Read(1), |kind| Taken::Fault(1, kind))
                }
                _ => Taken::Fault(0, FaultKind::Unexpected),
            },
        }
    }

    /// Reads bytes that stand for themselves, up to an event or something that waits.
    ///
    /// Nearly all of a history is text: what needs no look is passed over, and copied in one.
    fn run(&mut self, run: &[u8], shared: &mut Shared) -> Taken {
        // What is between the two was read, and is to be copied.
        let (mut copied, mut at) = (0, 0);
        let mut fault = None;
        while let Some(byte) = run.get(at)
            && fault.is_none()
            && shared.events.is_empty()
        {
            let rest = run.get(at..).unwrap_or_default();
            if self.array.is_some() {
                let (read, found) = self.numbers(Unit::Run(rest), shared).into_parts();
                at += read;
                copied = at;
                fault = found;
                continue;
            }
            let Some(text) = &mut self.text else {
                fault = self.byte(*byte, &[*byte], shared);
                if self.array.is_some() {
                    let text = run.get(copied..at).unwrap_or_default();
                    shared.out.extend_from_slice(text);
                    copied = at + 1;
                }
                at += 1;
                continue;
            };
            let skipped = text.skip(rest, &self.structure.site);
            at += skipped;
            match rest.get(skipped) {
                None => break,
                Some(b'"') if text.is_text() => {
                    at += 1;
                    self.ended();
                    continue;
                }
                Some(_) => {}
            }
            let rest = run.get(at..).unwrap_or_default();
            shared
                .out
                .extend_from_slice(run.get(copied..at).unwrap_or_default());
            let (read, found) = self.inside(Unit::Run(rest), shared).into_parts();
            at += read;
            copied = at;
            fault = found;
            while self.is_waiting() && shared.events.is_empty() {
                self.wait_ends(shared);
            }
            if self.is_waiting() {
                break;
            }
        }
        shared
            .out
            .extend_from_slice(run.get(copied..at).unwrap_or_default());
        match fault {
            Some(kind) => Taken::Fault(at, kind),
            None => Taken::Read(at),
        }
    }

    /// Reads a byte outside of a string, which is written as `raw`.
    fn byte(&mut self, byte: u8, raw: &[u8], shared: &mut Shared) -> Option<FaultKind> {
        match self.structure.byte(byte, shared) {
            Begins::Nothing => {}
            Begins::Key => self.text = Some(Text::key(std::mem::take(&mut self.spare))),
            Begins::Text => {
                let capture = std::mem::take(&mut self.spare);
                self.text = Some(Text::value(self.structure.site.stack.is_noted(), capture));
            }
            Begins::Array { is_map } => {
                self.array = Some(match self.spare_array.take() {
                    Some(mut array) => {
                        array.restart(is_map, raw);
                        array
                    }
                    None => Box::new(Array::new(is_map, raw)),
                });
            }
            Begins::Fault(kind) => return Some(kind),
        }
        None
    }

    /// Reads what may be numbers.
    fn numbers(&mut self, unit: Unit<'_>, shared: &mut Shared) -> Taken {
        let Some(mut array) = self.array.take() else {
            return Taken::Read(0);
        };
        let read = array.feed(unit);
        match read {
            Read::All => self.array = Some(array),
            Read::End(_) => {
                let is_map = array.is_map();
                if let Some(found) = array.finish(&mut shared.out) {
                    self.structure.site.found(found, shared);
                }
                self.structure.array_ends(is_map);
            }
            Read::Stop(_) => return self.enter(array, unit, read, shared),
            Read::Uneven(_) => {
                if let Some(uneven) = array.uneven() {
                    let reason = LeftReason::NotReproducible;
                    self.structure.site.leave_uneven(uneven, reason, shared);
                }
                return self.enter(array, unit, read, shared);
            }
        }
        Taken::Read(match read {
            Read::End(len) => len,
            _ => unit.text().len(),
        })
    }

    /// Reads a container as any other that was taken for one of numbers up to this character. A run is
    /// read on by the caller.
    fn enter(
        &mut self,
        mut array: Box<Array>,
        unit: Unit<'_>,
        read: Read,
        shared: &mut Shared,
    ) -> Taken {
        let count = array.count();
        let event = array.give_up(&mut shared.out);
        self.structure.enter_array(array.is_map(), count);
        // The text behind an event is held until what comes before it is written.
        let held = event.map(|event| (event, std::mem::take(&mut shared.out)));
        let fault = self.read_again(&array, shared);
        self.spare_array = Some(array);
        let taken = match (fault, unit, read) {
            (Some(kind), ..) => Taken::Fault(0, kind),
            (None, Unit::Atom(_), _) => self.unit(unit, shared),
            (None, _, Read::Stop(len) | Read::Uneven(len)) => Taken::Read(len),
            (None, ..) => Taken::Read(0),
        };
        if let Some((event, out)) = held {
            let raw = std::mem::replace(&mut shared.out, out);
            shared.give_back(Some(event), &raw);
        }
        taken
    }

    /// Reads what is pending behind the numbers of an array as any other text. Nothing of it is more
    /// than a key, white space and the start of a number.
    fn read_again(&mut self, array: &Array, shared: &mut Shared) -> Option<FaultKind> {
        // The bracket was read, and is written where no number was.
        let is_entered = usize::from(array.count() == 0);
        let (bracket, mut atoms) = array.pending().split(is_entered);
        shared.out.extend_from_slice(bracket);
        let fault = atoms.by_ref().find_map(|atom| {
            let (_, fault) = self.unit(Unit::Atom(&atom), shared).into_parts();
            while self.is_waiting() {
                self.wait_ends(shared);
            }
            fault
        });
        // Behind a fault, text is only copied.
        for atom in atoms {
            shared.out.extend_from_slice(atom.raw());
        }
        fault
    }

    /// Reads the content of a string.
    fn inside(&mut self, unit: Unit<'_>, shared: &mut Shared) -> Taken {
        let Some(text) = &mut self.text else {
            return Taken::Read(0);
        };
        match text.inside(unit, &mut self.structure.site, shared) {
            Ok(read) => Taken::Read(read),
            Err(read) => {
                self.abandon(LeftReason::Torn, shared);
                Taken::Fault(read, FaultKind::Unexpected)
            }
        }
    }

    /// Takes what was unescaped.
    fn wait_ends(&mut self, shared: &mut Shared) {
        if let Some(text) = &mut self.text
            && text.wait_ends(&mut self.structure.site, shared)
        {
            self.ended();
        }
    }

    /// Reads content that was held, as prose.
    pub(crate) fn prose(&mut self, unit: Unit<'_>, shared: &mut Shared) -> usize {
        match &mut self.text {
            Some(text) => text.prose(unit, &mut self.structure.site, shared),
            None => unit.text().len(),
        }
    }

    /// The closing quote was read.
    fn ended(&mut self) {
        let Some(text) = self.text.take() else {
            return;
        };
        if text.is_key {
            self.structure.key_ends(&text.capture);
        } else {
            if let Some(value) = text.short() {
                self.structure.site.stack.note(value);
            }
            self.structure.value_ends();
        }
        self.spare = text.capture;
    }

    /// The text ends inside a string, or inside of numbers: gives back what is kept.
    pub(crate) fn abandon(&mut self, reason: LeftReason, shared: &mut Shared) {
        let site = &mut self.structure.site;
        if let Some(mut array) = self.array.take() {
            if let Some(torn) = array.uneven() {
                site.leave_uneven(torn, reason, shared);
            }
            let event = array.give_up(&mut shared.out);
            shared.give_back(event, array.pending().raw());
        }
        if let Some(text) = self.text.take() {
            text.abandon(reason, site, shared);
        }
    }
}
