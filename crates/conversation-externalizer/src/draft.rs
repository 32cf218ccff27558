//! Messages as they will be, while those that are remain untouched.

use conversation_types::{Message, Part};

use super::report::TypeCorrection;

/// A part of a draft.
#[derive(Debug)]
pub(super) enum Slot {
    /// The part that the message has at this position.
    Kept(usize),
    /// A new part.
    Made(Box<Part>),
}

/// The parts that a message will have.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) slots: Vec<Slot>,
    pub(super) corrections: Vec<TypeCorrection>,
}

impl Draft {
    /// Returns the parts in order. `message` is the one that the draft was made of.
    pub(super) fn parts<'a>(&'a self, message: &'a Message) -> impl Iterator<Item = &'a Part> {
        self.slots.iter().filter_map(|slot| match slot {
            Slot::Kept(index) => message.content.get(*index),
            Slot::Made(part) => Some(part),
        })
    }

    /// Returns whether the message changes.
    pub(super) fn is_changed(&self) -> bool {
        self.slots.iter().any(|slot| matches!(slot, Slot::Made(_)))
    }

    /// Gives the message its parts.
    pub(super) fn apply(self, message: &mut Message) {
        if !self.is_changed() {
            return;
        }
        let mut old: Vec<Option<Part>> = message.content.drain(..).map(Some).collect();
        message.content = self
            .slots
            .into_iter()
            .filter_map(|slot| match slot {
                Slot::Kept(index) => old.get_mut(index)?.take(),
                Slot::Made(part) => Some(*part),
            })
            .collect();
    }
}
