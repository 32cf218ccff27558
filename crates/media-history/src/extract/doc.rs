//! One JSON text, or several in a row, at one level of strings in strings.

use media_types::sniff;

use crate::report::{FaultKind, LeftReason, LeftValue, MediaClass};
use crate::scan::escape::{Out, Unit};
use crate::scan::grammar::{Grammar, Token};
use crate::scan::respell::Respelling;

use super::evidence::{Verdict, judge, named_mime};
use super::leaf::{Closing, Found, Leaf, Step, Uneven, give_back};
use super::shared::Shared;
use super::stack::Stack;
use super::text::{Text, Waiting};
use super::value::{Event, Open, Value};
use super::watch::Watched;

/// How many levels of strings in strings are followed.
pub(crate) const MAX_LEVEL: usize = 3;

/// A JSON text in the course of being read.
#[derive(Debug)]
pub(crate) struct Doc {
    level: usize,
    /// The path of the string that holds it.
    prefix: String,
    grammar: Grammar,
    stack: Stack,
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
            level,
            prefix,
            grammar: Grammar::default(),
            stack: Stack::default(),
            text: None,
            spare: Vec::new(),
        }
    }

    pub(crate) fn level(&self) -> usize {
        self.level
    }

    /// Where the current value stands.
    pub(crate) fn path(&self) -> String {
        self.prefix.clone() + &self.stack.pointer()
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
        self.stack.clear();
        self.text = None;
    }

    /// Takes some of a unit of the text. Stops after each event.
    pub(crate) fn unit(&mut self, unit: Unit<'_>, shared: &mut Shared) -> Taken {
        if self.is_waiting() {
            self.wait_ends(shared);
            return Taken::Read(0);
        }
        if self.text.is_some() {
            return self.inside(unit, shared);
        }
        match unit {
            Unit::Run(run) => self.outside(run, shared),
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

    /// Reads bytes between strings, up to a string or an event.
    fn outside(&mut self, run: &[u8], shared: &mut Shared) -> Taken {
        for (at, byte) in run.iter().enumerate() {
            let fault = self.byte(*byte, shared);
            let stops = self.text.is_some() || !shared.events.is_empty();
            if fault.is_some() || stops {
                shared
                    .out
                    .extend_from_slice(run.get(..=at).unwrap_or_default());
                return match fault {
                    Some(kind) => Taken::Fault(at + 1, kind),
                    None => Taken::Read(at + 1),
                };
            }
        }
        shared.out.extend_from_slice(run);
        Taken::Read(run.len())
    }

    fn byte(&mut self, byte: u8, shared: &mut Shared) -> Option<FaultKind> {
        let is_start = self.level == 0 && self.is_between_values();
        let token = self.grammar.byte(byte);
        if byte == b'\n' && self.level == 0 && shared.document > 0 {
            shared.is_lines |= self.is_between_values();
        }
        if is_start && matches!(token, Token::Scalar | Token::Text | Token::Open { .. }) {
            shared.document += 1;
        }
        match token {
            Token::Inside | Token::Scalar | Token::Colon => {}
            Token::Key | Token::Text => {
                let capture = std::mem::take(&mut self.spare);
                self.text = Some(Text::new(token == Token::Key, capture));
            }
            Token::Open { object } => self.stack.open(object),
            Token::Close => {
                let depth = (self.level, self.stack.depth());
                shared.watch.close(depth, &self.stack, &mut shared.events);
                self.stack.close();
            }
            Token::Comma => self.stack.comma(),
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
        let level = self.level;
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
            Step::Found(_, found) => self.found(*found, shared),
            Step::Event(_, event) => shared.events.push(event),
        }
        if let Some(text) = &mut self.text
            && matches!(&text.leaf, leaf if leaf.reads_prose())
            && let Some(uneven) = text.leaf.take_uneven()
        {
            self.leave_uneven(uneven, LeftReason::NotReproducible, shared);
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
            self.leave_uneven(uneven, LeftReason::NotReproducible, shared);
        }
        let Some(text) = &mut self.text else {
            return;
        };
        match closing {
            Closing::Text => {
                shared.out.extend_from_slice(text.unescaper.atom().raw());
                let text = self.text.take();
                if let Some(text) = text {
                    self.ended(&text);
                    self.spare = text.capture;
                }
            }
            Closing::Found(found) => {
                text.waiting = Some(Waiting::Quote);
                self.found(*found, shared);
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

    fn ended(&mut self, text: &Text) {
        if text.is_key {
            self.stack.set_key(&text.capture);
            self.grammar.key_ends();
            return;
        }
        if let Some(value) = text.short() {
            self.stack.note(value);
        }
        self.grammar.value_ends();
    }

    /// Decides about base64 that was read to its end.
    fn found(&mut self, found: Found, shared: &mut Shared) {
        let Found {
            class,
            header,
            finished,
            spill,
        } = found;
        let place = self.stack.place();
        let verdict = match class {
            MediaClass::DataUri => Verdict::Media,
            _ => judge(place, &finished.head, false),
        };
        let named = match class {
            MediaClass::DataUri => header.parse().ok().or_else(|| named_mime(place)),
            _ => named_mime(place),
        };
        let class = match verdict {
            Verdict::Opaque => MediaClass::Opaque,
            _ => class,
        };
        let bytes = finished.decoded_len;
        let reason = match verdict {
            Verdict::Text => None,
            Verdict::Opaque if !shared.rules.opaque => Some(LeftReason::Opaque),
            _ if bytes < shared.rules.threshold => Some(LeftReason::BelowThreshold),
            _ => None,
        };
        let is_full = shared.watch.is_full();
        let open = match verdict {
            Verdict::Later => Open::Kind,
            _ if named.is_none() && sniff(&finished.head).is_none() && !is_full => Open::Type,
            _ => Open::Nothing,
        };
        let is_text = verdict == Verdict::Text || open == Open::Kind && is_full;
        if is_text || reason.is_some() {
            if let Some(reason) = reason.filter(|_| open != Open::Kind) {
                self.leave(class, bytes, reason, shared);
            }
            let event = give_back(Respelling::of(finished), spill, &mut shared.out);
            shared.events.extend(event);
            return;
        }
        let id = shared.next_id;
        shared.next_id += 1;
        if open != Open::Nothing || named.is_none() {
            shared.watch.push(Watched {
                id,
                level: self.level,
                depth: self.stack.depth(),
                key: place.key.to_vec(),
                head: finished.head.clone(),
                open,
            });
        }
        shared.events.push(Event::Value {
            id,
            value: Box::new(Value {
                class,
                document: shared.document.saturating_sub(1),
                path: self.path(),
                named,
                finished,
                spill,
            }),
            open,
        });
    }

    fn leave_uneven(&mut self, uneven: Uneven, reason: LeftReason, shared: &mut Shared) {
        let is_media = uneven.class == MediaClass::DataUri
            || judge(self.stack.place(), &uneven.head, true) == Verdict::Media;
        if is_media {
            self.leave(uneven.class, uneven.bytes, reason, shared);
        }
    }

    fn leave(&mut self, class: MediaClass, bytes: u64, reason: LeftReason, shared: &mut Shared) {
        shared.left.push(LeftValue {
            document: shared.document.saturating_sub(1),
            path: self.path(),
            class,
            bytes,
            reason,
        });
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
            self.leave_uneven(torn, reason, shared);
        }
        match event {
            Some(event) => shared.events.extend([event, held(pending)]),
            None => shared.out.extend_from_slice(&pending),
        }
    }
}

fn held(raw: Vec<u8>) -> Event {
    Event::Held(super::value::Hold { raw, spill: None })
}

fn unit_len(unit: Unit<'_>) -> usize {
    match unit {
        Unit::Run(run) => run.len(),
        Unit::Atom(atom) => atom.text().len(),
    }
}
