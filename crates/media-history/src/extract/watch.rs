//! Values whose type, or whether they are media at all, may be said later in the same object.

use std::collections::BTreeMap;

use crate::report::MAX_ENTRIES;

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
    pub(crate) key: Vec<u8>,
    /// How it begins, where that decides whether it is media.
    pub(crate) head: Vec<u8>,
    pub(crate) open: Open,
}

/// Where an object is: how many strings it is inside of, and its depth.
type At = (usize, usize);

/// Values that are watched, by where the object is whose end is awaited, each with how often one has
/// closed. An end costs nothing for the values of other objects.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    values: BTreeMap<At, Vec<(Watched, usize)>>,
    /// How many are for the report alone: a type that comes late.
    late: usize,
    /// How many are open.
    open: usize,
}

impl Watch {
    pub(crate) fn is_full(&self) -> bool {
        self.open >= MAX_OPEN
    }

    /// Watches a value in an object. A late type of a value that is not open is for the report alone: no more of
    /// these are watched than it lists.
    pub(crate) fn push(&mut self, at: At, value: Watched) {
        if value.open != Open::Nothing {
            self.open += 1;
        } else if self.late < MAX_ENTRIES {
            self.late += 1;
        } else {
            return;
        }
        self.values.entry(at).or_default().push((value, 0));
    }

    /// A container is about to close: the innermost of the stack.
    pub(crate) fn close(&mut self, at: At, stack: &Stack, events: &mut Vec<Event>) {
        let Some(mut values) = self.values.remove(&at) else {
            return;
        };
        let mut late = self.late;
        values.retain_mut(|(value, hops)| {
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
                self.open -= 1;
                value.open = Open::Nothing;
                value.head = Vec::new();
                // From here on it is for the report alone, as those that never were open.
                if !is_media || named.is_some() || late >= MAX_ENTRIES {
                    return false;
                }
                late += 1;
            } else if let Some(mime) = named {
                events.push(Event::LateType { id, mime });
                late -= 1;
                return false;
            }
            *hops += 1;
            let is_kept = *hops <= HOPS;
            late -= usize::from(!is_kept);
            is_kept
        });
        let (level, depth) = at;
        if depth <= 1 {
            late -= values.len();
            values.clear();
        }
        self.late = late;
        if !values.is_empty() {
            let around = self.values.entry((level, depth - 1)).or_default();
            around.append(&mut values);
        }
    }

    /// Nothing more will be said about any value.
    pub(crate) fn end(&mut self, events: &mut Vec<Event>) {
        let values = std::mem::take(self).values;
        for (value, _) in values.into_values().flatten() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(id: u64, open: Open) -> Watched {
        Watched {
            id,
            key: b"b64_json".to_vec(),
            head: Vec::new(),
            open,
        }
    }

    #[test]
    fn values_without_a_type_take_bounded_memory() {
        let (mut watch, mut events, mut stack) = (Watch::default(), Vec::new(), Stack::default());
        stack.open(false);
        for open in [Open::Nothing, Open::Type] {
            for id in 0..3 * MAX_ENTRIES as u64 {
                stack.open(true);
                watch.push((0, 2), watched(id, open));
                watch.close((0, 2), &stack, &mut events);
                stack.close();
            }
            assert_eq!((watch.late, watch.open), (MAX_ENTRIES, 0));
            let kept: Vec<_> = watch
                .values
                .iter()
                .map(|(at, all)| (*at, all.len()))
                .collect();
            assert_eq!(kept, [((0, 1), MAX_ENTRIES)]);
            watch.close((0, 1), &stack, &mut events);
            assert!(watch.late == 0 && watch.values.is_empty());
        }
        let is_resolved = |event: &Event| matches!(event, Event::Resolved { is_media: true, .. });
        assert!(events.len() == 3 * MAX_ENTRIES && events.iter().all(is_resolved));
    }

    #[test]
    fn what_an_object_decides_is_open_until_it_closes() {
        let (mut watch, mut events, mut stack) = (Watch::default(), Vec::new(), Stack::default());
        for _ in 0..3 {
            stack.open(true);
        }
        for id in 0..MAX_OPEN as u64 {
            assert!(!watch.is_full());
            watch.push((0, 3), watched(id, Open::Type));
        }
        assert!(watch.is_full());
        watch.close((0, 3), &stack, &mut events);
        assert!(!watch.is_full() && watch.late == MAX_OPEN && events.len() == MAX_OPEN);
        stack.close();
        stack.set_key(b"mime_type");
        stack.note(b"image/png");
        watch.close((0, 2), &stack, &mut events);
        let late = |event: &&Event| matches!(event, Event::LateType { .. });
        assert_eq!(events.iter().filter(late).count(), MAX_OPEN);
        assert_eq!((watch.late, watch.open), (0, 0));
    }
}
