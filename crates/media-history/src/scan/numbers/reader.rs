//! Bytes that are written as numbers: an array of them, or an object whose keys count them.
//!
//! At every moment, the bytes read so far, spelled in the style found so far, and then the text that is
//! pending give the text read so far.

use std::borrow::Cow;

use media_types::SNIFF_LEN;

use crate::scan::escape::Unit;
use crate::scan::respell::{Finished, Respelling};
use crate::style::{MAX_FORM_LEN, NumberStyle, Style};

use super::pending::Pending;

/// What came of some input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// All of it belongs to the numbers.
    All,
    /// The numbers end with this number of bytes.
    End(usize),
    /// The numbers are read to this number of bytes; what follows is not a byte.
    Stop(usize),
    /// As [`Read::Stop`]; what follows is a byte, but no even style gives this text.
    Uneven(usize),
}

/// What is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// White space, a comma or the end, behind a number.
    Comma,
    /// White space, a number or the quote of a key.
    Member,
    /// The digits of a key.
    Key { digits: usize, key: u64 },
    /// White space and the colon behind a key.
    Colon { seen: bool },
    /// The digits of a number.
    Number { digits: usize, value: u16 },
}

enum Step {
    More,
    End,
    Stop,
    Uneven,
}

/// Reads numbers, from behind the bracket on.
#[derive(Debug)]
pub(crate) struct NumberReader {
    style: NumberStyle,
    expect: Expect,
    /// Bytes that were not taken.
    decoded: Vec<u8>,
    count: u64,
    text_len: u64,
    head: Vec<u8>,
    /// The text since the last number that has ended.
    pending: Pending,
    /// Where in that the part begins that is to be like those before it.
    part: usize,
}

/// Whether a number cannot go on with this character, and may end before it.
fn ends_number(character: u8) -> bool {
    matches!(character, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r')
}

impl NumberReader {
    /// Begins behind a bracket, which is written as `raw`.
    pub(crate) fn new(is_map: bool, raw: &[u8]) -> Self {
        let mut reader = Self {
            style: NumberStyle::compact(is_map),
            expect: Expect::Member,
            decoded: Vec::new(),
            count: 0,
            text_len: 0,
            head: Vec::new(),
            pending: Pending::default(),
            part: 0,
        };
        reader.restart(is_map, raw);
        reader
    }

    /// Begins again behind another bracket, with the memory that it has: nearly every bracket of a
    /// history is one of no numbers.
    pub(crate) fn restart(&mut self, is_map: bool, raw: &[u8]) {
        self.style = NumberStyle::compact(is_map);
        self.expect = Expect::Member;
        self.decoded.clear();
        self.count = 0;
        self.text_len = raw.len() as u64;
        self.head.clear();
        self.pending.clear();
        self.pending.push(if is_map { b'{' } else { b'[' }, raw);
        self.part = 0;
    }

    pub(crate) fn is_map(&self) -> bool {
        self.style.is_map
    }

    /// How many numbers have ended.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The first bytes.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The bytes that may be taken; the reader goes on without them.
    pub(crate) fn decoded(&mut self) -> &mut Vec<u8> {
        &mut self.decoded
    }

    /// Reads a unit.
    pub(crate) fn feed(&mut self, unit: Unit<'_>) -> Read {
        let run = match unit {
            Unit::Run(run) => run,
            Unit::Atom(atom) => {
                let character = match atom.text() {
                    [character] => *character,
                    _ => return Read::Stop(0),
                };
                self.number_ends(character);
                return match self.step(character, atom.raw()) {
                    Step::More => Read::All,
                    Step::End => Read::End(1),
                    Step::Stop => Read::Stop(0),
                    Step::Uneven => Read::Uneven(0),
                };
            }
        };
        let mut at = 0;
        while let Some(character) = run.get(at) {
            if self.number_ends(*character) {
                let rest = run.get(at..).unwrap_or_default();
                at += self.numbers(rest);
            }
            let Some(character) = run.get(at) else {
                break;
            };
            match self.step(*character, &[*character]) {
                Step::More => at += 1,
                Step::End => return Read::End(at + 1),
                Step::Stop => return Read::Stop(at),
                Step::Uneven => return Read::Uneven(at),
            }
        }
        Read::All
    }

    /// Takes the number that this character ends, if it does.
    fn number_ends(&mut self, character: u8) -> bool {
        let Expect::Number { value, .. } = self.expect else {
            return false;
        };
        let Ok(byte) = u8::try_from(value) else {
            return false;
        };
        if !ends_number(character) {
            return false;
        }
        self.push(byte);
        self.pending.clear();
        self.part = 0;
        self.expect = Expect::Comma;
        true
    }

    fn push(&mut self, byte: u8) {
        self.decoded.push(byte);
        self.count += 1;
        if self.head.len() < SNIFF_LEN {
            self.head.push(byte);
        }
    }

    /// Reads numbers that are written like those before; returns how much was read. Every one of them
    /// has ended.
    fn numbers(&mut self, run: &[u8]) -> usize {
        let mut at = 0;
        if self.style.is_map || self.count < 2 {
            return at;
        }
        while let Some(rest) = run.get(at..)
            && let Some(rest) = rest.strip_prefix(&*self.style.separator)
        {
            let (byte, digits) = match rest {
                [a, end, ..] if a.is_ascii_digit() && ends_number(*end) => (u16::from(a - b'0'), 1),
                [a @ b'1'..=b'9', b, end, ..] if b.is_ascii_digit() && ends_number(*end) => {
                    (u16::from(a - b'0') * 10 + u16::from(b - b'0'), 2)
                }
                [a @ b'1'..=b'2', b, c, end, ..]
                    if b.is_ascii_digit() && c.is_ascii_digit() && ends_number(*end) =>
                {
                    let tens = u16::from(a - b'0') * 10 + u16::from(b - b'0');
                    (tens * 10 + u16::from(c - b'0'), 3)
                }
                _ => break,
            };
            let Ok(byte) = u8::try_from(byte) else {
                break;
            };
            self.push(byte);
            at += self.style.separator.len() + digits;
        }
        self.text_len += at as u64;
        at
    }

    fn step(&mut self, character: u8, raw: &[u8]) -> Step {
        let is_digit = character.is_ascii_digit();
        let is_space = matches!(character, b' ' | b'\t' | b'\n' | b'\r');
        let end = if self.style.is_map { b'}' } else { b']' };
        self.expect = match (self.expect, character) {
            (Expect::Comma | Expect::Member, _) if is_space => self.expect,
            (Expect::Comma, b',') => Expect::Member,
            (Expect::Comma, _) if character == end => {
                self.take(character, raw);
                note(&mut self.style.end, self.pending.raw());
                return match self.pending.raw().len() <= MAX_FORM_LEN {
                    true => Step::End,
                    false => self.give_up(raw),
                };
            }
            (Expect::Member, b'"') if self.style.is_map => {
                if !self.part_ends(Part::Before) {
                    return Step::Uneven;
                }
                self.take(character, raw);
                if !self.part_ends(Part::Quote) {
                    return self.give_up(raw);
                }
                self.expect = Expect::Key { digits: 0, key: 0 };
                return Step::More;
            }
            (Expect::Member, _) if is_digit && !self.style.is_map => {
                if !self.part_ends(Part::Before) {
                    return Step::Uneven;
                }
                Expect::number(character)
            }
            (Expect::Key { digits, key }, _) if is_digit && digits < 19 => {
                let key = key * 10 + u64::from(character - b'0');
                Expect::Key {
                    digits: digits + 1,
                    key,
                }
            }
            (Expect::Key { digits, key }, b'"') => {
                if key != self.count
                    || digits != 1 + key.checked_ilog10().unwrap_or_default() as usize
                {
                    return Step::Stop;
                }
                self.part = self.pending.raw().len();
                Expect::Colon { seen: false }
            }
            (Expect::Colon { .. }, _) if is_space => self.expect,
            (Expect::Colon { seen: false }, b':') => Expect::Colon { seen: true },
            (Expect::Colon { seen: true }, _) if is_digit => {
                if !self.part_ends(Part::Colon) {
                    return Step::Uneven;
                }
                Expect::number(character)
            }
            (Expect::Number { digits, value }, _) if is_digit => {
                // Of digits that begin with zero there is one.
                let value = value * 10 + u16::from(character - b'0');
                if digits > 2 || !(10..=255).contains(&value) {
                    return Step::Stop;
                }
                Expect::Number {
                    digits: digits + 1,
                    value,
                }
            }
            _ => return Step::Stop,
        };
        if is_digit && raw != [character] || self.pending.raw().len() > 4 * MAX_FORM_LEN {
            return Step::Stop;
        }
        self.take(character, raw);
        Step::More
    }

    fn take(&mut self, character: u8, raw: &[u8]) {
        self.pending.push(character, raw);
        self.text_len += raw.len() as u64;
    }

    /// The last character that was taken cannot be spelled.
    fn give_up(&mut self, raw: &[u8]) -> Step {
        self.pending.pop();
        self.text_len -= raw.len() as u64;
        Step::Uneven
    }

    /// A part of the text ends: notes how it is written, or returns whether it is written like those
    /// before.
    fn part_ends(&mut self, part: Part) -> bool {
        let text = self.pending.raw().get(self.part..).unwrap_or_default();
        self.part = self.pending.raw().len();
        let (form, is_first) = match part {
            Part::Before if self.count == 0 => (&mut self.style.open, true),
            Part::Before => (&mut self.style.separator, self.count == 1),
            Part::Quote => (&mut self.style.quote, self.count == 0),
            Part::Colon => (&mut self.style.colon, self.count == 0),
        };
        if is_first && text.len() <= MAX_FORM_LEN {
            note(form, text);
        }
        **form == *text
    }

    /// The numbers, which have ended.
    pub(crate) fn finish(self) -> Finished {
        Finished {
            style: Style::Numbers(Box::new(self.style)),
            decoded: self.decoded,
            decoded_len: self.count,
            text_len: self.text_len,
            head: self.head,
        }
    }

    /// What spells the numbers again that have ended. They are taken.
    pub(crate) fn respelling(&mut self) -> Respelling {
        let usual = NumberStyle::compact(self.style.is_map);
        let style = std::mem::replace(&mut self.style, usual);
        Respelling::of_numbers(style, std::mem::take(&mut self.decoded))
    }

    /// The text since the last number that has ended. It begins with the bracket where there are none.
    pub(crate) fn pending(&self) -> &Pending {
        &self.pending
    }
}

/// Notes how a part is written. That it is as usual takes no memory.
fn note(form: &mut Cow<'static, [u8]>, text: &[u8]) {
    if **form != *text {
        *form = Cow::Owned(text.to_vec());
    }
}

/// A part of the text between two numbers.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// Up to a number, or its key.
    Before,
    /// The quote before a key.
    Quote,
    /// From the quote behind a key to the number.
    Colon,
}

impl Expect {
    fn number(digit: u8) -> Self {
        Self::Number {
            digits: 1,
            value: u16::from(digit - b'0'),
        }
    }
}

#[cfg(test)]
mod tests;
