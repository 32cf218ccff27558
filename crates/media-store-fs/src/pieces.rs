//! Memory for pieces of files, used again: a new allocation for each piece costs more than reading into it, since
//! the system hands out its pages one by one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

/// Number of bytes of a piece.
pub(crate) const PIECE: u64 = 256 * 1024;

/// Pieces that are kept while nobody uses them: 4 MiB.
const KEPT: usize = 16;

/// The memory that waits to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces(Arc<Mutex<Vec<Vec<u8>>>>);

impl Pieces {
    /// Returns empty memory for a piece of `len` bytes. Memory of whole pieces may have been used before.
    pub(crate) fn take(&self, len: usize) -> Vec<u8> {
        let free = if len as u64 == PIECE {
            self.free().pop()
        } else {
            None
        };
        free.unwrap_or_else(|| Vec::with_capacity(len))
    }

    /// Returns the bytes of a piece, whose memory comes back when the last of their readers has let them go.
    pub(crate) fn lend(&self, bytes: Vec<u8>) -> Bytes {
        if bytes.len() as u64 != PIECE {
            return bytes.into();
        }
        Bytes::from_owner(Lent {
            bytes,
            home: self.clone(),
        })
    }

    fn free(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece that is being read.
struct Lent {
    bytes: Vec<u8>,
    home: Pieces,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let mut free = self.home.free();
        if free.len() < KEPT {
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.clear();
            free.push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_of_a_whole_piece_is_used_again() {
        let pieces = Pieces::default();
        let len = usize::try_from(PIECE).expect("a piece fits");
        let mut bytes = pieces.take(len);
        bytes.resize(len, 7);
        let at = bytes.as_ptr();
        let lent = pieces.lend(bytes);
        let part = lent.slice(10..20);
        drop(lent);
        let other = pieces.take(len);
        assert_ne!(other.as_ptr(), at, "a part is still read");
        drop(part);
        let again = pieces.take(len);
        assert_eq!(again.as_ptr(), at);
        assert!(again.is_empty());
    }

    #[test]
    fn few_pieces_are_kept_and_no_short_ones() {
        let pieces = Pieces::default();
        let len = usize::try_from(PIECE).expect("a piece fits");
        let lent: Vec<Bytes> = (0..2 * KEPT).map(|_| pieces.lend(vec![1; len])).collect();
        drop(lent);
        drop(pieces.lend(vec![1; 10]));
        assert_eq!(pieces.free().len(), KEPT);
        assert!(pieces.take(10).capacity() < len);
    }
}
