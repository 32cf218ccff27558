//! The containers around the place where the text is read.

use super::evidence::{Evidence, Place};

/// Longest key that is kept, in bytes; no key that matters is as long.
const MAX_KEY_LEN: usize = 128;

/// How many containers at either end of a deep path are shown.
const SHOWN: usize = 24;

#[derive(Debug)]
struct Frame {
    object: bool,
    /// Of an array, how many elements have ended.
    index: u64,
    /// Where the key of the current value begins, in an object.
    key: usize,
    evidence: Evidence,
}

/// The open containers of a document, the keys that lead through them, and what their fields say.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    frames: Vec<Frame>,
    keys: Vec<u8>,
}

impl Stack {
    pub(crate) fn depth(&self) -> usize {
        self.frames.len()
    }

    pub(crate) fn open(&mut self, object: bool) {
        self.frames.push(Frame {
            object,
            index: 0,
            key: self.keys.len(),
            evidence: Evidence::default(),
        });
    }

    /// Closes the innermost container.
    pub(crate) fn close(&mut self) {
        if let Some(frame) = self.frames.pop() {
            self.keys.truncate(frame.key);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.frames.clear();
        self.keys.clear();
    }

    /// A value has ended and another follows.
    pub(crate) fn comma(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.index += 1;
        }
    }

    /// Notes that `count` values of the innermost container have ended, and no other was begun.
    pub(crate) fn passed(&mut self, count: u64) {
        let last = count.saturating_sub(1);
        match self.frames.last_mut() {
            Some(frame) if !frame.object => frame.index = last,
            _ => self.set_key(last.to_string().as_bytes()),
        }
    }

    /// Sets the key of the next value.
    pub(crate) fn set_key(&mut self, key: &[u8]) {
        if let Some(frame) = self.frames.last() {
            self.keys.truncate(frame.key);
            let kept = key.get(..MAX_KEY_LEN).unwrap_or(key);
            self.keys.extend_from_slice(kept);
        }
    }

    /// Whether a string at the current place would say something about the values beside it.
    pub(crate) fn is_noted(&self) -> bool {
        let frame = self.frames.last().filter(|frame| frame.object);
        frame
            .is_some_and(|frame| Evidence::is_noted(self.keys.get(frame.key..).unwrap_or_default()))
    }

    /// Takes a short string value at the current place as evidence for the values beside it.
    pub(crate) fn note(&mut self, value: &[u8]) {
        if let Some(frame) = self.frames.last_mut().filter(|frame| frame.object) {
            let key = self.keys.get(frame.key..).unwrap_or_default();
            frame.evidence.note(key, value);
        }
    }

    /// Where the current value stands.
    pub(crate) fn place(&self) -> Place<'_> {
        let own = self.frames.last().filter(|frame| frame.object);
        let keys = self.keys_inwards_out();
        let (key, parent_key) = (keys[0], keys[1]);
        let mut around = self.objects().map(|frame| &frame.evidence);
        if own.is_some() {
            around.next();
        }
        Place {
            key,
            parent_key,
            own: own.map(|frame| &frame.evidence),
            around: [around.next(), around.next()],
        }
    }

    /// Where a value stood whose object is the innermost container, which is about to close.
    pub(crate) fn place_of<'a>(&'a self, key: &'a [u8]) -> Place<'a> {
        Place {
            key,
            ..self.place()
        }
    }

    /// The JSON Pointer of the current value.
    pub(crate) fn pointer(&self) -> String {
        let mut pointer = String::new();
        let depth = self.frames.len();
        for (at, frame) in self.frames.iter().enumerate() {
            if depth > 2 * SHOWN && (SHOWN..depth - SHOWN).contains(&at) {
                if at == SHOWN {
                    pointer.push_str("/...");
                }
                continue;
            }
            pointer.push('/');
            if frame.object {
                let end = self
                    .frames
                    .get(at + 1)
                    .map_or(self.keys.len(), |next| next.key);
                let key = self.keys.get(frame.key..end).unwrap_or_default();
                let key = String::from_utf8_lossy(key);
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            } else {
                pointer.push_str(&frame.index.to_string());
            }
        }
        pointer
    }

    fn objects(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter().rev().filter(|frame| frame.object)
    }

    /// The keys in the two innermost objects.
    fn keys_inwards_out(&self) -> [&[u8]; 2] {
        let mut keys: [&[u8]; 2] = [b"", b""];
        let (mut end, mut found) = (self.keys.len(), 0);
        for frame in self.frames.iter().rev() {
            if frame.object {
                keys[found] = self.keys.get(frame.key..end).unwrap_or_default();
                found += 1;
                if found == keys.len() {
                    break;
                }
            }
            end = frame.key;
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::evidence::named_mime;

    #[test]
    fn places_are_named() {
        let mut stack = Stack::default();
        assert_eq!(
            (stack.pointer(), stack.place().key),
            (String::new(), &b""[..])
        );
        stack.open(true);
        stack.set_key(b"messages");
        stack.open(false);
        stack.comma();
        stack.open(true);
        stack.set_key(b"mime_type");
        stack.note(b"image/png");
        stack.comma();
        stack.set_key(b"a/b~");
        assert_eq!(stack.pointer(), "/messages/1/a~1b~0");
        let place = stack.place();
        assert_eq!(
            (place.key, place.parent_key),
            (&b"a/b~"[..], &b"messages"[..])
        );
        assert!(named_mime(place).is_some());
        stack.open(false);
        assert_eq!(stack.place().key, b"a/b~");
        assert!(stack.place().own.is_none());
        assert!(named_mime(stack.place()).is_some());
        stack.close();
        stack.close();
        assert_eq!(stack.place().key, b"messages");
        for _ in 0..10_000 {
            stack.open(false);
        }
        assert!(stack.pointer().len() < 300);
    }
}
