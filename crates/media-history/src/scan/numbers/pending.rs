//! Text that is not decoded.

use crate::scan::escape::Atom;

/// Text that is not decoded: its characters, and how each is written.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    raw: Vec<u8>,
    /// Each character, and where it ends in `raw`.
    characters: Vec<(u8, usize)>,
}

impl Pending {
    pub(super) fn push(&mut self, character: u8, raw: &[u8]) {
        self.raw.extend_from_slice(raw);
        self.characters.push((character, self.raw.len()));
    }

    pub(super) fn clear(&mut self) {
        self.raw.clear();
        self.characters.clear();
    }

    /// Takes the last character back.
    pub(super) fn pop(&mut self) {
        self.characters.pop();
        let end = self.characters.last().map_or(0, |(_, end)| *end);
        self.raw.truncate(end);
    }

    /// The text as it is written.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Returns how the first `first` characters are written, and the others.
    pub(crate) fn split(&self, first: usize) -> (&[u8], impl Iterator<Item = Atom> + '_) {
        let (before, after) = self.characters.split_at(first.min(self.characters.len()));
        let mut from = before.last().map_or(0, |(_, end)| *end);
        let text = self.raw.get(..from).unwrap_or_default();
        let atoms = after.iter().map(move |(character, end)| {
            let raw = self.raw.get(from..*end).unwrap_or_default();
            from = *end;
            Atom::ascii(*character, raw)
        });
        (text, atoms)
    }
}
