//! Memory for parts of a body, used again for the next ones.
//!
//! Large blocks that come and go on many threads make an allocator keep more than is in use.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// The buffers of one body: as many as it had in use at once.
#[derive(Clone, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A buffer whose contents are of no account; without memory if none is free.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.free().pop().unwrap_or_default()
    }

    /// What a buffer holds. Once nobody needs it any more the buffer is free.
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
    fn memory_is_used_again_only_when_nobody_needs_it() {
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
