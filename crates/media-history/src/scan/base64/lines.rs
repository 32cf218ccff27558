//! Line breaks in base64, at even distances.

use crate::style::{Breaks, MAX_FORM_LEN};

/// Follows the lines of base64.
#[derive(Debug, Default)]
pub(super) struct Lines {
    breaks: Option<Breaks>,
    /// Symbols on the line so far.
    column: u64,
    /// A line break that no symbol has followed yet.
    open: Vec<u8>,
}

impl Lines {
    /// Takes a part of a line break; whether it can be one.
    pub(super) fn break_goes_on(&mut self, raw: &[u8]) -> bool {
        if self.open.len() + raw.len() > MAX_FORM_LEN {
            return false;
        }
        self.open.extend_from_slice(raw);
        true
    }

    /// Counts symbols that were seen to [fit](Self::fit).
    pub(super) fn add(&mut self, symbols: usize) {
        self.column += symbols as u64;
    }

    /// Settles a line break that the next symbol ends; returns whether `more` symbols fit on the line.
    pub(super) fn fit(&mut self, more: u64) -> bool {
        if self.open.is_empty() {
            let every = self.breaks.as_ref().map(|breaks| u64::from(breaks.every));
            return every.is_none_or(|every| self.column + more <= every);
        }
        match &self.breaks {
            None => {
                let every = u32::try_from(self.column).ok().filter(|every| *every > 0);
                let Some(every) = every.filter(|every| more <= u64::from(*every)) else {
                    return false;
                };
                self.breaks = Some(Breaks {
                    every,
                    text: self.open.as_slice().into(),
                    trailing: false,
                });
            }
            Some(breaks) => {
                let every = u64::from(breaks.every);
                if self.column != every || *breaks.text != *self.open || more > every {
                    return false;
                }
            }
        }
        self.open.clear();
        self.column = 0;
        true
    }

    /// Whether the text may end here.
    pub(super) fn may_end(&self) -> bool {
        match &self.breaks {
            _ if self.open.is_empty() => true,
            Some(breaks) => *breaks.text == *self.open,
            None => u32::try_from(self.column).is_ok(),
        }
    }

    /// The breaks of text that has ended.
    pub(super) fn ended(mut self) -> Option<Breaks> {
        if !self.open.is_empty() {
            let every = u32::try_from(self.column).unwrap_or(u32::MAX);
            let breaks = self.breaks.get_or_insert_with(|| Breaks {
                every,
                text: self.open.as_slice().into(),
                trailing: true,
            });
            breaks.trailing = true;
        }
        self.breaks
    }

    /// The breaks so far, and the line break that is open.
    pub(super) fn into_parts(self) -> (Option<Breaks>, Vec<u8>) {
        (self.breaks, self.open)
    }
}
