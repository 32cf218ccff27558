//! What was sent at a position of a request.

/// The form in which an item went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SentForm {
    /// Not at all: older media that was left out because there was too much.
    Skipped {
        /// Whether the bytes were too many, not the items.
        by_bytes: bool,
    },
    /// Not at all, for another reason.
    Omitted,
    /// As a URL.
    Url,
    /// By its bytes.
    Bytes,
    /// By a file's id.
    File,
}

/// An item of a request that a server accepted: which item, in which form, and its text in that
/// form, as far as 32 bits tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark(u32);

const FORM_BITS: u32 = 4;
const ITEM_BITS: u32 = 16;

impl Mark {
    /// Creates a mark from fingerprints of the item and of its text.
    pub(crate) fn new(item: u64, form: SentForm, text: u64) -> Self {
        let form: u32 = match form {
            SentForm::Skipped { by_bytes: false } => 0,
            SentForm::Url => 1,
            SentForm::Bytes => 2,
            SentForm::File => 3,
            SentForm::Omitted => 4,
            SentForm::Skipped { by_bytes: true } => 5,
        };
        let item = (item & 0xffff) as u32;
        let text = (text & 0xfff) as u32;
        Self(text << (ITEM_BITS + FORM_BITS) | item << FORM_BITS | form)
    }

    pub(crate) fn is_of(self, item: u64) -> bool {
        u64::from(self.0 >> FORM_BITS) & 0xffff == item & 0xffff
    }

    /// Returns the form; `None` for one of a later version.
    pub(crate) fn form(self) -> Option<SentForm> {
        match self.0 & 0xf {
            0 => Some(SentForm::Skipped { by_bytes: false }),
            1 => Some(SentForm::Url),
            2 => Some(SentForm::Bytes),
            3 => Some(SentForm::File),
            4 => Some(SentForm::Omitted),
            5 => Some(SentForm::Skipped { by_bytes: true }),
            _ => None,
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(bytes))
    }
}

/// Finds what was sent of the items of a request: by index, `None` where that is not known.
///
/// Since then messages may have been added, and left out at the beginning, or cut off at the end.
/// `before` is the number of items that stood before the marks.
pub(super) fn align(marks: &[Mark], before: usize, items: &[u64]) -> Vec<Option<Mark>> {
    // The item at `i` stood at `i + moved`. The place is where most items in a row are equal.
    let equal = |moved: usize| {
        let start = before.saturating_sub(moved);
        let skipped = (start + moved).saturating_sub(before);
        let pairs = items.iter().skip(start).zip(marks.iter().skip(skipped));
        pairs.take_while(|(item, mark)| mark.is_of(**item)).count()
    };
    let mut found = vec![None; items.len()];
    let mut place = (0, 0);
    for moved in 0..before + marks.len() {
        // No later place can hold more.
        if place.0 >= (before + marks.len() - moved).min(items.len()) {
            break;
        }
        let run = equal(moved);
        if run > place.0 {
            place = (run, moved);
        }
    }
    let (1.., moved) = place else {
        return found;
    };
    for (at, (slot, item)) in found.iter_mut().zip(items).enumerate() {
        let Some(index) = (at + moved).checked_sub(before) else {
            continue;
        };
        match marks.get(index) {
            Some(mark) if mark.is_of(*item) => *slot = Some(*mark),
            // What follows was edited.
            _ => break,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(items: &[u64]) -> Vec<Mark> {
        let mark = |item: &u64| Mark::new(*item, SentForm::Bytes, 0);
        items.iter().map(mark).collect()
    }

    fn known(marks: &[Mark], before: usize, items: &[u64]) -> Vec<bool> {
        let found = align(marks, before, items);
        found.iter().map(Option::is_some).collect()
    }

    #[test]
    fn a_mark_keeps_what_it_is_made_of() {
        for form in [
            SentForm::Skipped { by_bytes: true },
            SentForm::Skipped { by_bytes: false },
            SentForm::Omitted,
            SentForm::Url,
            SentForm::Bytes,
            SentForm::File,
        ] {
            let mark = Mark::new(0xabcd_1234, form, u64::MAX);
            assert_eq!(mark.form(), Some(form));
            assert!(mark.is_of(0x1234) && !mark.is_of(0x1235));
            assert_eq!(Mark::from_bytes(mark.to_bytes()), mark);
            assert_ne!(mark, Mark::new(0xabcd_1234, form, 0));
        }
    }

    #[test]
    fn places_are_found_after_additions_and_cuts() {
        let sent = marks(&[1, 2, 3, 4, 5]);
        let all = [true; 5];
        assert_eq!(known(&sent, 0, &[1, 2, 3, 4, 5]), all);
        let added = [true, true, true, true, true, false];
        assert_eq!(known(&sent, 0, &[1, 2, 3, 4, 5, 6]), added);
        assert_eq!(known(&sent, 0, &[3, 4, 5, 6]), [true, true, true, false]);
        assert_eq!(known(&sent, 0, &[1, 2]), [true, true]);
        assert_eq!(known(&sent, 0, &[1, 2, 9, 4]), [true, true, false, false]);
        assert_eq!(known(&sent, 0, &[8, 9]), [false, false]);
        assert_eq!(known(&sent, 0, &[]), Vec::<bool>::new());
        assert_eq!(known(&[], 0, &[1]), [false]);
    }

    #[test]
    fn items_before_the_marks_are_not_known() {
        let sent = marks(&[3, 4, 5]);
        let items = [1, 2, 3, 4, 5, 6];
        let found = [false, false, true, true, true, false];
        assert_eq!(known(&sent, 2, &items), found);
        assert_eq!(known(&sent, 2, &items[1..]), found[1..]);
        assert_eq!(known(&sent, 2, &items[3..]), found[3..]);
    }

    #[test]
    fn equal_items_are_found_where_they_were() {
        let sent = marks(&[7, 7, 7]);
        assert_eq!(known(&sent, 0, &[7, 7, 7, 7]), [true, true, true, false]);
    }
}
