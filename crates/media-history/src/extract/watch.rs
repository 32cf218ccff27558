//! Values whose type, or whether they are media at all, may be said later in the same object.

use super::evidence::{Verdict, judge, named_mime};
use super::stack::Stack;
use super::value::{Event, Open};

/// How many values may be open at once.
const MAX_OPEN: usize = 4;

/// How many objects outwards a type is looked for.
const HOPS: usize = 2;

/// A value that is watched.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) id: u64,
    pub(crate) level: usize,
    /// The depth of the object that it is in.
    pub(crate) depth: usize,
    pub(crate) key: Vec<u8>,
    pub(crate) head: Vec<u8>,
    pub(crate) open: Open,
}

/// Values that are watched, each with how often its object has closed.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    values: Vec<(Watched, usize)>,
}

impl Watch {
    pub(crate) fn is_full(&self) -> bool {
        let open = self
            .values
            .iter()
            .filter(|(value, _)| value.open != Open::Nothing);
        open.count() >= MAX_OPEN
    }

    pub(crate) fn push(&mut self, value: Watched) {
        self.values.push((value, 0));
    }

    /// A container is about to close: the innermost of the stack.
    pub(crate) fn close(
        &mut self,
        (level, depth): (usize, usize),
        stack: &Stack,
        events: &mut Vec<Event>,
    ) {
        if self.values.is_empty() {
            return;
        }
        self.values.retain_mut(|(value, hops)| {
            if (value.level, value.depth) != (level, depth) {
                return true;
            }
            let place = stack.place_of(&value.key);
            let named = named_mime(place);
            let id = value.id;
            if value.open != Open::Nothing {
                let is_media =
                    value.open == Open::Type || judge(place, &value.head, true) == Verdict::Media;
                events.push(Event::Resolved {
                    id,
                    is_media,
                    named: named.clone(),
                });
                value.open = Open::Nothing;
                if !is_media || named.is_some() {
                    return false;
                }
            } else if let Some(mime) = named {
                events.push(Event::LateType { id, mime });
                return false;
            }
            *hops += 1;
            value.depth -= 1;
            *hops <= HOPS && value.depth > 0
        });
    }

    /// Nothing more will be said about any value.
    pub(crate) fn end(&mut self, events: &mut Vec<Event>) {
        for (value, _) in self.values.drain(..) {
            if value.open != Open::Nothing {
                events.push(Event::Resolved {
                    id: value.id,
                    is_media: value.open == Open::Type,
                    named: None,
                });
            }
        }
    }
}
