//! The stream of ciphertext of media.

use bytes::Bytes;
use futures_util::stream;
use media_storage::{ByteStream, MediaBody, Operation, StorageError, StorageErrorKind, next};

use crate::crypto::{ChunkKey, ChunkNonce};
use crate::failure::encryption_failure;
use crate::geometry::{CHUNK, SEALED_CHUNK, chunk_count, chunk_len, stored_len};
use crate::header::{Content, Header};
use crate::prepared::Prepared;

/// Number of chunks in a piece of the stream.
const BATCH: u64 = 4;

/// Returns the ciphertext of media: the header, then the chunks.
pub(crate) fn encrypt(prepared: Prepared, header: &Header, key: ChunkKey) -> MediaBody {
    let Prepared { content, stream } = prepared;
    let encryptor = Encryptor {
        source: stream,
        rest: Bytes::new(),
        header: Some(header.to_bytes()),
        key,
        content,
        next: 0,
    };
    let stream = stream::try_unfold(encryptor, |mut encryptor| async move {
        let piece = encryptor.piece().await?;
        Ok(piece.map(|piece| (piece, encryptor)))
    });
    MediaBody::from_stream(Some(stored_len(content.len)), stream)
}

struct Encryptor {
    source: ByteStream,
    rest: Bytes,
    header: Option<Vec<u8>>,
    key: ChunkKey,
    content: Content,
    next: u64,
}

impl Encryptor {
    /// Returns the next chunks, or `None` after the last one.
    async fn piece(&mut self) -> Result<Option<Bytes>, StorageError> {
        if let Some(header) = self.header.take() {
            return Ok(Some(header.into()));
        }
        let count = chunk_count(self.content.len);
        let end = count.min(self.next + BATCH);
        if self.next == end {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(SEALED_CHUNK * (end - self.next) as usize);
        while self.next < end {
            let from = out.len();
            let want = from + chunk_len(self.next, self.content.len);
            self.fill(&mut out, want).await?;
            let last = self.next + 1 == count;
            if last {
                self.check_end().await?;
            }
            let index = u32::try_from(self.next).map_err(|_| too_many_chunks())?;
            self.key
                .seal(ChunkNonce { index, last }, &[], &mut out, from)
                .map_err(encryption_failure)?;
            self.next += 1;
        }
        Ok(Some(out.into()))
    }

    /// Reads until `out` has `want` bytes.
    async fn fill(&mut self, out: &mut Vec<u8>, want: usize) -> Result<(), StorageError> {
        while out.len() < want {
            if self.rest.is_empty() {
                self.rest = match next(&mut self.source).await {
                    Some(piece) => piece?,
                    None => return Err(wrong_len(self.content.len)),
                };
            }
            let len = self.rest.len().min(want - out.len());
            out.extend_from_slice(&self.rest.split_to(len));
        }
        Ok(())
    }

    /// Checks that the source has no more bytes.
    async fn check_end(&mut self) -> Result<(), StorageError> {
        while self.rest.is_empty() {
            match next(&mut self.source).await {
                Some(piece) => self.rest = piece?,
                None => return Ok(()),
            }
        }
        Err(wrong_len(self.content.len))
    }
}

/// Returns the error for a body that does not have the hash that the caller expects.
pub(crate) fn unexpected_hash() -> StorageError {
    StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
        .with_reason("the body does not match the expected SHA-256")
}

fn wrong_len(len: u64) -> StorageError {
    StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
        .with_reason(format!("the body does not have {len} bytes"))
}

fn too_many_chunks() -> StorageError {
    StorageError::new(StorageErrorKind::TooLarge, Operation::Store)
        .with_reason(format!("media is limited to 2^32 chunks of {CHUNK} bytes"))
}
