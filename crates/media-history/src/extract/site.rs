//! Where a document is read, and what its values are there.

use media_types::sniff;

use crate::report::{LeftReason, LeftValue, MediaClass};
use crate::scan::respell::Respelling;

use super::evidence::{Verdict, are_bytes, judge, named_mime};
use super::found::{Found, Uneven, give_back};
use super::shared::Shared;
use super::stack::Stack;
use super::value::{Event, Open, Value};
use super::watch::Watched;

/// The place that was reached in a document.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) level: usize,
    /// The path of the string that holds the document.
    prefix: String,
    pub(super) stack: Stack,
}

impl Site {
    pub(super) fn new(level: usize, prefix: String) -> Self {
        Self {
            level,
            prefix,
            stack: Stack::default(),
        }
    }

    /// Where the current value stands.
    pub(super) fn path(&self) -> String {
        self.prefix.clone() + &self.stack.pointer()
    }

    /// Decides about base64 that was read to its end.
    pub(super) fn found(&mut self, found: Found, shared: &mut Shared) {
        let Found {
            class,
            header,
            finished,
            spill,
        } = found;
        let place = self.stack.place();
        let verdict = match class {
            MediaClass::DataUri => Verdict::Media,
            MediaClass::NumberArray if are_bytes(place) => Verdict::Media,
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
            let head = match open {
                Open::Kind => finished.head.clone(),
                _ => Vec::new(),
            };
            let value = Watched {
                id,
                key: place.key.to_vec(),
                head,
                open,
            };
            shared.watch.push((self.level, self.stack.depth()), value);
        }
        shared.events.push(Event::Value {
            id,
            value: Box::new(Value {
                class,
                document: shared.document.saturating_sub(1),
                path: self.path(),
                level: self.level,
                named,
                finished,
                spill,
            }),
            open,
        });
    }

    /// Lists media that no style gives, or that was cut off.
    pub(super) fn leave_uneven(&mut self, uneven: Uneven, reason: LeftReason, shared: &mut Shared) {
        let place = self.stack.place();
        let is_media = match uneven.class {
            MediaClass::DataUri => true,
            MediaClass::NumberArray if are_bytes(place) => true,
            _ => judge(place, &uneven.head, true) == Verdict::Media,
        };
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
}
