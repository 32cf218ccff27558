//! One JSON text, or several in a row, at one level of strings in strings.

use crate::report::{FaultKind, LeftReason};
use crate::scan::escape::{Out, Unit};
use crate::scan::grammar::{Grammar, Token};

use super::leaf::{Closing, Leaf, Step};
use super::shared::Shared;
use super::site::Site;
use super::text::{Text, Waiting};
use super::value::{Event, Hold};

/// How many levels of strings in strings are followed.
pub(crate) const MAX_LEVEL: usize = 3;

/// A JSON text in the course of being read.
#[derive(Debug)]
pub(crate) struct Doc {
    site: Site,
    grammar: Grammar,
    text: Option<Text>,
    /// A buffer to be used again.
    spare: Vec<u8>,
}

/// What came of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So many bytes of the run, or the character, were read.
    Read(usize),
    /// As [`Taken::Read`]; the last byte cannot stand there.
    Fault(usize, FaultKind),
}

impl Doc {
    pub(crate) fn new(level: usize, prefix: String) -> Self {
        Self {
            site: Site::new(level, prefix),
            grammar: Grammar::default(),
            text: None,
            spare: Vec::new(),
        }
    }

    pub(crate) fn level(&self) -> usize {
        self.site.level
    }

    /// Where the current value stands.
    pub(crate) fn path(&self) -> String {
        self.site.path()
    }

    /// Whether something is to be taken before more input.
    pub(crate) fn is_waiting(&self) -> bool {
        self.text
            .as_ref()
            .is_some_and(|text| text.waiting.is_some())
    }

    /// Whether no value is open.
    pub(crate) fn is_between_values(&self) -> bool {
        self.text.is_none() && self.grammar.is_between_values()
    }

    /// Whether the text may end here.
    pub(crate) fn may_end(&self) -> bool {
        self.text.is_none() && self.grammar.may_end()
    }

    pub(crate) fn leaf(&mut self) -> Option<&mut Leaf> {
        self.text.as_mut().map(|text| &mut text.leaf)
    }

    /// Forgets what is open, to begin anew.
    pub(crate) fn reset(&mut self) {
        self.grammar = Grammar::default();
        self.site.stack.clear();
        self.text = None;
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
            Unit::Atom(atom) => match atom.text() {
                [byte] => {
                    shared.out.extend_from_slice(atom.raw());
                    self.byte(*byte, shared)
                        .map_or(Taken::Read(1), |kind| Taken::Fault(1, kind))
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
            let Some(text) = &mut self.text else {
                fault = self.byte(*byte, shared);
                at += 1;
                continue;
            };
            let rest = run.get(at..).unwrap_or_default();
            let skipped = text.skip(rest, self.site.level < MAX_LEVEL, &self.site.stack);
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
            let taken = self.inside(Unit::Run(rest), shared);
            let (Taken::Read(read) | Taken::Fault(read, _)) = taken;
            at += read;
            copied = at;
            if let Taken::Fault(_, kind) = taken {
                fault = Some(kind);
            }
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

    fn byte(&mut self, byte: u8, shared: &mut Shared) -> Option<FaultKind> {
        let is_start = self.site.level == 0 && self.is_between_values();
        let token = self.grammar.byte(byte);
        if byte == b'\n' && self.site.level == 0 && shared.document > 0 {
            shared.is_lines |= self.is_between_values();
        }
        if is_start && matches!(token, Token::Scalar | Token::Text | Token::Open { .. }) {
            shared.document += 1;
        }
        match token {
            Token::Inside | Token::Scalar | Token::Colon => {}
            Token::Key => self.text = Some(Text::key(std::mem::take(&mut self.spare))),
            Token::Text => {
                let capture = std::mem::take(&mut self.spare);
                self.text = Some(Text::value(self.site.stack.is_noted(), capture));
            }
            Token::Open { object } => self.site.stack.open(object),
            Token::Close => {
                let depth = (self.site.level, self.site.stack.depth());
                shared
                    .watch
                    .close(depth, &self.site.stack, &mut shared.events);
                self.site.stack.close();
            }
            Token::Comma => self.site.stack.comma(),
            Token::Fault => return Some(FaultKind::Unexpected),
            Token::TooDeep => return Some(FaultKind::TooDeep),
        }
        None
    }

    /// Reads the content of a string.
    fn inside(&mut self, unit: Unit<'_>, shared: &mut Shared) -> Taken {
        let Some(text) = &mut self.text else {
            return Taken::Read(0);
        };
        let (read, out) = match unit {
            Unit::Run(run) => text.unescaper.run(run),
            Unit::Atom(atom) => (1, text.unescaper.character(atom)),
        };
        match (out, unit) {
            (Out::Run(len), Unit::Run(run)) => {
                let is_all = run.get(len) == Some(&b'"');
                let content = run.get(..len).unwrap_or_default();
                let read = self.content(Unit::Run(content), is_all, shared);
                Taken::Read(read)
            }
            (Out::Atom, _) => {
                text.waiting = Some(Waiting::Atom);
                Taken::Read(read)
            }
            (Out::Quote, _) => {
                text.waiting = Some(Waiting::Quote);
                Taken::Read(read)
            }
            (Out::Bad, _) => {
                self.abandon(LeftReason::Torn, shared);
                Taken::Fault(read, FaultKind::Unexpected)
            }
            _ => Taken::Read(read),
        }
    }

    /// Takes what was unescaped.
    fn wait_ends(&mut self, shared: &mut Shared) {
        let Some(text) = &mut self.text else {
            return;
        };
        match text.waiting.take() {
            Some(Waiting::Atom) => {
                let atom = text.unescaper.take_atom();
                let read = self.content(Unit::Atom(&atom), false, shared);
                if let Some(text) = &mut self.text {
                    text.unescaper.put_atom(atom);
                    text.waiting = (read == 0).then_some(Waiting::Atom);
                }
            }
            Some(Waiting::Quote) => self.close(shared),
            None => {}
        }
    }

    /// Takes content; returns how much.
    fn content(&mut self, unit: Unit<'_>, is_all: bool, shared: &mut Shared) -> usize {
        let level = self.site.level;
        let Some(text) = &mut self.text else {
            return 0;
        };
        if text.is_key {
            text.capture(unit, usize::MAX);
            let raw = match unit {
                Unit::Run(run) => run,
                Unit::Atom(atom) => atom.raw(),
            };
            shared.out.extend_from_slice(raw);
            return unit_len(unit);
        }
        let step = text
            .leaf
            .unit(unit, level < MAX_LEVEL, is_all, &mut shared.out);
        let read = match &step {
            Step::Read(read) | Step::Found(read, _) | Step::Event(read, _) => *read,
        };
        text.capture(unit, read);
        self.after(step, shared);
        read
    }

    /// Reads content that was held, as prose.
    pub(crate) fn prose(&mut self, unit: Unit<'_>, shared: &mut Shared) -> usize {
        let Some(text) = &mut self.text else {
            return unit_len(unit);
        };
        let step = text.leaf.unit(unit, false, false, &mut shared.out);
        let read = match &step {
            Step::Read(read) | Step::Found(read, _) | Step::Event(read, _) => *read,
        };
        self.after(step, shared);
        read
    }

    fn after(&mut self, step: Step, shared: &mut Shared) {
        match step {
            Step::Read(_) => {}
            Step::Found(_, found) => self.site.found(*found, shared),
            Step::Event(_, event) => shared.events.push(event),
        }
        if let Some(text) = &mut self.text
            && matches!(&text.leaf, leaf if leaf.reads_prose())
            && let Some(uneven) = text.leaf.take_uneven()
        {
            self.site
                .leave_uneven(uneven, LeftReason::NotReproducible, shared);
        }
    }

    /// The string ends, or ends again after an event.
    fn close(&mut self, shared: &mut Shared) {
        let Some(text) = &mut self.text else {
            return;
        };
        let closing = text.leaf.close(&mut shared.out);
        if !text.is_key
            && let Some(uneven) = text.leaf.take_uneven()
        {
            self.site
                .leave_uneven(uneven, LeftReason::NotReproducible, shared);
        }
        let Some(text) = &mut self.text else {
            return;
        };
        match closing {
            Closing::Text => {
                shared.out.extend_from_slice(text.unescaper.atom().raw());
                self.ended();
            }
            Closing::Found(found) => {
                text.waiting = Some(Waiting::Quote);
                self.site.found(*found, shared);
            }
            Closing::Event(event) => {
                text.waiting = Some(Waiting::Quote);
                shared.events.push(event);
            }
            Closing::Nested(hold) => {
                text.waiting = Some(Waiting::Quote);
                shared.events.push(Event::Replay(hold));
            }
        }
    }

    /// The closing quote was read.
    fn ended(&mut self) {
        let Some(text) = self.text.take() else {
            return;
        };
        if text.is_key {
            self.site.stack.set_key(&text.capture);
            self.grammar.key_ends();
        } else {
            if let Some(value) = text.short() {
                self.site.stack.note(value);
            }
            self.grammar.value_ends();
        }
        self.spare = text.capture;
    }

    /// The text ends inside a string: gives back what is kept.
    pub(crate) fn abandon(&mut self, reason: LeftReason, shared: &mut Shared) {
        let Some(text) = &mut self.text else {
            return;
        };
        let (event, torn) = text.leaf.abandon(&mut shared.out);
        let pending = text.unescaper.pending_or_bad().to_vec();
        self.text = None;
        if let Some(torn) = torn {
            self.site.leave_uneven(torn, reason, shared);
        }
        match event {
            Some(event) => shared.events.extend([event, held(pending)]),
            None => shared.out.extend_from_slice(&pending),
        }
    }
}

fn held(raw: Vec<u8>) -> Event {
    Event::Held(Hold { raw, spill: None })
}

fn unit_len(unit: Unit<'_>) -> usize {
    match unit {
        Unit::Run(run) => run.len(),
        Unit::Atom(atom) => atom.text().len(),
    }
}
