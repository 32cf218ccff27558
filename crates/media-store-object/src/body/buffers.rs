//! Memory for the parts of a body that is reused for later parts.
//!
//! Allocating large blocks on many threads makes an allocator keep more memory than is in use.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The buffers of one body, as many as were in use at once.
#[derive(Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // No code panics while it holds this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a free buffer, or an empty one. Its contents are unspecified.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.free().pop().unwrap_or_default()
    }

    /// Returns the contents of a buffer as bytes; the buffer is free when all of them are dropped.
    pub(crate) fn lend(&self, buffer: Vec<u8>) -> Bytes {
        Bytes::from_owner(Lent {
            buffer,
            owner: self.clone(),
        })
    }
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffers({} free)", self.free().len())
    }
}

struct Lent {
    buffer: Vec<u8>,
    owner: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        self.owner.free().push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_reused_only_after_the_last_use() {
        let buffers = Buffers::default();
        let first = buffers.lend(vec![1; 1000]);
        let (at, rest) = (first.as_ptr(), first.slice(500..));
        assert_eq!(buffers.take().capacity(), 0);
        drop(first);
        assert_eq!(buffers.take().capacity(), 0, "a part of it is still needed");
        drop(rest);
        let again = buffers.take();
        assert_eq!(again.as_ptr(), at);
    }
}
