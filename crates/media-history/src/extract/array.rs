//! Bytes that are written as numbers, in the course of being read.

use crate::report::MediaClass;
use crate::scan::escape::Unit;
use crate::scan::numbers::{NumberReader, Pending, Read};
use crate::scan::respell::Respelling;
use crate::spool::Spill;

use super::found::{Found, Uneven, give_back};
use super::value::Event;

/// Of fewer numbers nothing is made.
const MIN_BYTES: u64 = 12;

/// An array of numbers, or an object of them, that has not ended.
#[derive(Debug)]
pub(super) struct Array {
    reader: NumberReader,
    spill: Option<Spill>,
}

impl Array {
    pub(super) fn new(is_map: bool, raw: &[u8]) -> Self {
        Self {
            reader: NumberReader::new(is_map, raw),
            spill: None,
        }
    }

    /// Begins again behind another bracket, with the memory that it has.
    pub(super) fn restart(&mut self, is_map: bool, raw: &[u8]) {
        self.reader.restart(is_map, raw);
        self.spill = None;
    }

    pub(super) fn is_map(&self) -> bool {
        self.reader.is_map()
    }

    /// How many numbers have ended.
    pub(super) fn count(&self) -> u64 {
        self.reader.count()
    }

    /// The text behind them. It begins with the bracket where there are none.
    pub(super) fn pending(&self) -> &Pending {
        self.reader.pending()
    }

    pub(super) fn feed(&mut self, unit: Unit<'_>) -> Read {
        self.reader.feed(unit)
    }

    /// The bytes that are in memory, and where they go when they are too many.
    pub(super) fn buffer(&mut self) -> (&mut Vec<u8>, &mut Option<Spill>) {
        (self.reader.decoded(), &mut self.spill)
    }

    /// What is known of bytes that cannot be replaced.
    pub(super) fn uneven(&self) -> Option<Uneven> {
        (self.reader.count() >= MIN_BYTES).then(|| Uneven {
            class: MediaClass::NumberArray,
            bytes: self.reader.count(),
            head: self.reader.head().to_vec(),
        })
    }

    /// The array has ended. Writes it where it is too short to be media.
    pub(super) fn finish(self, out: &mut Vec<u8>) -> Option<Found> {
        let is_short = self.reader.count() < MIN_BYTES;
        let finished = self.reader.finish();
        if is_short {
            give_back(Respelling::of(finished), None, out);
            return None;
        }
        Some(Found {
            class: MediaClass::NumberArray,
            header: String::new(),
            finished,
            spill: self.spill,
        })
    }

    /// The array is none of bytes: writes the numbers that have ended, now or by an event. What is
    /// pending is to be read as any other text.
    pub(super) fn give_up(&mut self, out: &mut Vec<u8>) -> Option<Event> {
        if self.reader.count() == 0 {
            return None;
        }
        give_back(self.reader.respelling(), self.spill.take(), out)
    }
}
