//! The stream of media from its ciphertext.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use futures_util::stream;
use media_storage::{ByteStream, MediaBody, Operation, StorageError, next};
use tokio::time::Instant;

use crate::crypto::{ChunkKey, ChunkNonce, TAG_LEN};
use crate::data_key::KeyId;
use crate::failure::{corrupted, key_failure};
use crate::geometry::{CHUNK, chunk_count, chunk_len};
use crate::header::{Content, HEADER_LEN};
use crate::key_cache::{KeyCache, Wanted};
use crate::scope_key::ScopeKey;

const NOT_AUTHENTIC: &str = "the stored bytes are not those that were encrypted";

/// What decrypts media, and which part of it.
pub(crate) struct Decryption {
    pub(crate) keys: Arc<KeyCache>,
    pub(crate) content: Content,
    /// The requested bytes of the media, not beyond its end.
    pub(crate) range: Range<u64>,
    /// The header that the ciphertext must begin with, if it is read from its beginning.
    pub(crate) header: Option<Vec<u8>>,
}

impl Decryption {
    /// Returns the media. The ciphertext begins with the header, or with the chunk in which the range begins.
    pub(crate) fn body(
        self,
        ciphertext: ByteStream,
        key: &ScopeKey,
    ) -> Result<MediaBody, StorageError> {
        let len = self.range.end - self.range.start;
        let file_key = FileKey::new(key, &self.content)?;
        let decryptor = Decryptor {
            source: ciphertext,
            rest: Bytes::new(),
            next: self.range.start / CHUNK as u64,
            count: chunk_count(self.content.len),
            key: file_key,
            decryption: self,
            buffer: Vec::new(),
        };
        let stream = stream::try_unfold(decryptor, |mut decryptor| async move {
            let piece = decryptor.piece().await?;
            Ok(piece.map(|piece| (piece, decryptor)))
        });
        Ok(MediaBody::from_stored_stream(len, None, stream))
    }
}

/// The key of a file, until the data key that it comes from has to be asked for again.
struct FileKey {
    key: ChunkKey,
    id: KeyId,
    expires: Instant,
}

impl FileKey {
    fn new(key: &ScopeKey, content: &Content) -> Result<Self, StorageError> {
        Ok(Self {
            key: key
                .file_key(&content.sha256)
                .map_err(|_| corrupted(NOT_AUTHENTIC))?,
            id: key.id(),
            expires: key.expires(),
        })
    }
}

struct Decryptor {
    source: ByteStream,
    rest: Bytes,
    next: u64,
    count: u64,
    key: FileKey,
    decryption: Decryption,
    buffer: Vec<u8>,
}

impl Decryptor {
    /// Returns the requested part of the next chunk, or `None` after the last one.
    async fn piece(&mut self) -> Result<Option<Bytes>, StorageError> {
        if let Some(header) = self.decryption.header.take() {
            self.fill(HEADER_LEN).await?;
            if std::mem::take(&mut self.buffer) != header {
                return Err(corrupted("the header of the media is damaged"));
            }
        }
        let range = self.decryption.range.clone();
        let start = self.next * CHUNK as u64;
        if self.next == self.count
            || (start >= range.end && range.end < self.decryption.content.len)
        {
            self.check_end().await?;
            return Ok(None);
        }
        self.renew_key().await?;
        let len = chunk_len(self.next, self.decryption.content.len);
        self.fill(len + TAG_LEN).await?;
        let mut chunk = std::mem::take(&mut self.buffer);
        let nonce = ChunkNonce {
            index: u32::try_from(self.next).map_err(|_| corrupted(NOT_AUTHENTIC))?,
            last: self.next + 1 == self.count,
        };
        self.key
            .key
            .open(nonce, &[], &mut chunk)
            .map_err(|_| corrupted(NOT_AUTHENTIC))?;
        chunk.truncate(len);
        self.next += 1;
        let mut chunk = Bytes::from(chunk);
        let end = usize::try_from(range.end.saturating_sub(start)).unwrap_or(len);
        chunk.truncate(end.min(len));
        let begin = usize::try_from(range.start.saturating_sub(start)).unwrap_or(len);
        chunk.advance(begin.min(chunk.len()));
        Ok(Some(chunk))
    }

    /// Asks for the data key again when its time is over, so that a slow reader loses access too.
    async fn renew_key(&mut self) -> Result<(), StorageError> {
        if Instant::now() < self.key.expires {
            return Ok(());
        }
        let key = self
            .decryption
            .keys
            .get(Wanted::Id(self.key.id), None)
            .await
            .map_err(|error| key_failure(error, Operation::Retrieve))?;
        self.key = FileKey::new(&key, &self.decryption.content)?;
        Ok(())
    }

    /// Reads the next bytes of the ciphertext into the buffer.
    async fn fill(&mut self, want: usize) -> Result<(), StorageError> {
        self.buffer.reserve_exact(want);
        while self.buffer.len() < want {
            if self.rest.is_empty() {
                self.rest = match next(&mut self.source).await {
                    Some(piece) => piece?,
                    None => return Err(corrupted("the stored bytes are shorter than the media")),
                };
            }
            let len = self.rest.len().min(want - self.buffer.len());
            self.buffer.extend_from_slice(&self.rest.split_to(len));
        }
        Ok(())
    }

    /// Reads the source to its end, so that its own verification is heard.
    async fn check_end(&mut self) -> Result<(), StorageError> {
        while self.rest.is_empty() {
            match next(&mut self.source).await {
                Some(piece) => self.rest = piece?,
                None => return Ok(()),
            }
        }
        Err(corrupted("the stored bytes are longer than the media"))
    }
}
