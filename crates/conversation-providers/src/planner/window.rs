//! The oldest media item that is sent.
//!
//! Where a cap is reached, older media goes in one step that leaves room for the next messages, so
//! that the beginning of the requests then stays as it is for many turns. The step is found by
//! going through the conversation from its beginning, message by message, as if each had been sent
//! on its own. So it is a function of the conversation: it needs no memory, and another node, or
//! the same one after a restart, finds the same. What comes later never moves an earlier step.

use super::limits::{Limits, lower};

/// The number of messages with media that a step leaves room for, if they are like the newest.
const ROOM_FOR: usize = 5;

/// What an item adds to a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ItemWeight {
    /// Bytes in the body if it is sent.
    pub(crate) bytes: u64,
    /// Bytes in the body if it is not: of the text in its place.
    pub(crate) text: u64,
    /// Whether it can be sent at all.
    pub(crate) can_be_sent: bool,
    pub(crate) is_image: bool,
    /// Whether it is larger than images may be once there are many.
    pub(crate) is_oversize: bool,
}

/// A message: its words in bytes and its items.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepWeight {
    pub(crate) words: u64,
    pub(crate) items: Vec<ItemWeight>,
}

/// What of a request is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// The number of items at the beginning that are left out.
    pub(crate) skipped: usize,
    /// Whether the last step was made because of the bytes, not because of the number.
    pub(crate) by_bytes: bool,
    /// Bytes of the body.
    pub(crate) bytes: u64,
}

impl Window {
    /// Finds the window of a request, whose text beside the messages has `head` bytes. As many
    /// items as `skipped` are left out already.
    pub(crate) fn of(head: u64, steps: &[StepWeight], limits: Limits, skipped: usize) -> Self {
        let items: Vec<ItemWeight> = steps.iter().flat_map(|step| step.items.clone()).collect();
        let mut walk = Walk {
            items: &items,
            limits,
            load: Load {
                bytes: head,
                ..Load::default()
            },
            front: 0,
            end: 0,
            by_bytes: false,
        };
        let mut added = Load {
            bytes: head,
            ..Load::default()
        };
        let mut marks = vec![added];
        let mut newest = 0;
        for step in steps {
            walk.load.bytes = walk.load.bytes.saturating_add(step.words);
            added.bytes = added.bytes.saturating_add(step.words);
            if !step.items.is_empty() {
                newest = walk.end;
            }
            for item in &step.items {
                added.add(item);
                walk.push(*item, skipped);
            }
            if !step.items.is_empty() {
                marks.push(added);
            }
            let since = marks.len().saturating_sub(ROOM_FOR + 1);
            let before = marks.get(since).copied().unwrap_or_default();
            walk.step_down(newest, added.minus(before));
        }
        Self {
            skipped: walk.front,
            by_bytes: walk.by_bytes,
            bytes: walk.load.bytes,
        }
    }
}

/// What a request holds.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    bytes: u64,
    items: usize,
    images: usize,
    oversize: usize,
}

impl Load {
    fn add(&mut self, item: &ItemWeight) {
        if !item.can_be_sent {
            self.bytes = self.bytes.saturating_add(item.text);
            return;
        }
        self.bytes = self.bytes.saturating_add(item.bytes);
        self.items += 1;
        self.images += usize::from(item.is_image);
        self.oversize += usize::from(item.is_oversize);
    }

    fn minus(self, before: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(before.bytes),
            items: self.items.saturating_sub(before.items),
            images: self.images.saturating_sub(before.images),
            oversize: 0,
        }
    }
}

struct Walk<'a> {
    items: &'a [ItemWeight],
    limits: Limits,
    load: Load,
    /// The first item that is sent, and the one after the last.
    front: usize,
    end: usize,
    by_bytes: bool,
}

impl Walk<'_> {
    fn push(&mut self, item: ItemWeight, skipped: usize) {
        self.end += 1;
        if self.end <= skipped {
            self.front = self.end;
            self.load.bytes = self.load.bytes.saturating_add(item.text);
        } else {
            self.load.add(&item);
        }
    }

    /// The caps for what is sent now.
    fn caps(&self) -> Limits {
        let many = self.limits.many.filter(|_| self.load.oversize > 0);
        Limits {
            images: lower(self.limits.images, many.map(|many| many.above)),
            ..self.limits
        }
    }

    fn exceeds(&self, caps: Limits) -> bool {
        caps.bytes.is_some_and(|cap| self.load.bytes > cap)
            || caps.items.is_some_and(|cap| self.load.items > cap)
            || caps.images.is_some_and(|cap| self.load.images > cap)
    }

    /// Leaves out the oldest items where a cap is exceeded: down to the target as far as they are
    /// older than the newest message with media, and of that only as many as the cap demands.
    fn step_down(&mut self, newest: usize, growth: Load) {
        if !self.exceeds(self.caps()) {
            return;
        }
        self.by_bytes = self.caps().bytes.is_some_and(|cap| self.load.bytes > cap);
        while self.front < newest && self.exceeds(target(self.caps(), growth)) {
            self.drop_oldest();
        }
        while self.front < self.end && self.exceeds(self.caps()) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(item) = self.items.get(self.front).copied() else {
            return;
        };
        self.front += 1;
        if item.can_be_sent {
            let bytes = self.load.bytes.saturating_sub(item.bytes);
            self.load.bytes = bytes.saturating_add(item.text);
            self.load.items -= 1;
            self.load.images -= usize::from(item.is_image);
            self.load.oversize -= usize::from(item.is_oversize);
        }
    }
}

/// What a step goes down to: room for as much as came last, at least a quarter of the cap and at
/// most half of it.
fn target(caps: Limits, growth: Load) -> Limits {
    let room = |cap: u64, growth: u64| {
        // Of one or two there is no quarter.
        let quarter = cap / 4;
        cap.saturating_sub(growth)
            .clamp(cap.div_ceil(2), cap - quarter)
    };
    let count = |cap: usize, growth: usize| room(cap as u64, growth as u64) as usize;
    Limits {
        bytes: caps.bytes.map(|cap| room(cap, growth.bytes)),
        items: caps.items.map(|cap| count(cap, growth.items)),
        images: caps.images.map(|cap| count(cap, growth.images)),
        many: caps.many,
    }
}

#[cfg(test)]
mod tests;
