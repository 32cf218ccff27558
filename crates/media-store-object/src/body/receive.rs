//! Receiving a body: counted, hashed, and held in memory only up to one part.

use bytes::Bytes;
use media_storage::backend::{Digest, check_size};
use media_storage::{
    BodyData, ByteStream, MediaBody, Operation, Sha256Hasher, StorageError, StorageErrorKind, next,
};

use super::blocking::{INLINE_LIMIT, blocking};
use super::buffers::Buffers;

use super::payload::Payload;
use super::spool::SpoolWriter;

/// Number of bytes that are written to a spool at a time.
const SPOOL_PIECE: usize = 1024 * 1024;

/// A body that was read far enough to know whether it fits one part.
#[derive(Debug)]
pub(crate) enum Received {
    /// The complete body.
    Complete(Payload, Digest),
    /// The first part of a longer body, and a reader of the rest.
    FirstPart(Bytes, BodyReader),
}

/// Receives a body of at most `limit` bytes, holding at most one part in memory.
pub(crate) async fn receive(
    body: MediaBody,
    limit: u64,
    part_size: usize,
) -> Result<Received, StorageError> {
    if let Some(len) = body.len() {
        check_size(len, limit)?;
    }
    let (payload, digest) = match body.into_data() {
        BodyData::Bytes(bytes) => Payload::of_bytes(bytes).await?,
        BodyData::Base64(text) => {
            let received = Payload::of_base64(text, part_size).await?;
            check_size(received.1.len, limit)?;
            received
        }
        BodyData::Stream { stream, .. } => {
            let mut reader = BodyReader {
                stream: Some(stream),
                carry: Bytes::new(),
                received: 0,
                limit,
                buffers: Buffers::default(),
            };
            let first = reader.part(part_size).await?;
            if !reader.is_at_end() {
                return Ok(Received::FirstPart(first, reader));
            }
            Payload::of_bytes(first).await?
        }
        _ => {
            return Err(
                StorageError::new(StorageErrorKind::Unsupported, Operation::Store)
                    .with_reason("this store does not support this kind of body"),
            );
        }
    };
    Ok(Received::Complete(payload, digest))
}

/// Reads a stream in parts.
pub(crate) struct BodyReader {
    stream: Option<ByteStream>,
    /// Bytes that were received with the last part and belong to the next one.
    carry: Bytes,
    received: u64,
    limit: u64,
    buffers: Buffers,
}

impl std::fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BodyReader({} bytes received)", self.received)
    }
}

impl BodyReader {
    /// Whether the body has ended; known after each part.
    pub(crate) fn is_at_end(&self) -> bool {
        self.carry.is_empty() && self.stream.is_none()
    }

    /// Returns the next `len` bytes, or all that are left.
    pub(crate) async fn part(&mut self, len: usize) -> Result<Bytes, StorageError> {
        let first = self.carry.split_to(self.carry.len().min(len));
        // A copy keeps nothing but itself alive; a slice would keep the caller's buffer.
        let mut part = self.buffers.take();
        part.clear();
        if self.received > 0 {
            // A full part is mostly followed by another one; growing it would copy it.
            part.reserve(len);
        }
        part.extend_from_slice(&first);
        while self.carry.is_empty() {
            let Some(stream) = self.stream.as_mut() else {
                break;
            };
            let Some(piece) = next(stream).await else {
                self.stream = None;
                break;
            };
            let mut piece = piece?;
            self.received += piece.len() as u64;
            check_size(self.received, self.limit)?;
            let fits = piece.split_to(piece.len().min(len - part.len()));
            part.extend_from_slice(&fits);
            self.carry = piece;
        }
        Ok(self.buffers.lend(part))
    }

    /// Writes the first part and all that follow it to a temporary file.
    pub(crate) async fn spool(
        mut self,
        first: Bytes,
        mut writer: SpoolWriter,
    ) -> Result<(Payload, Digest), StorageError> {
        writer = writer.write(first).await?;
        while !self.is_at_end() {
            let part = self.part(SPOOL_PIECE).await?;
            writer = writer.write(part).await?;
        }
        let (spool, digest) = writer.finish();
        Ok((Payload::Spooled(spool), digest))
    }
}

/// Hashes a part without blocking the runtime.
pub(crate) async fn hashed(
    mut hasher: Sha256Hasher,
    part: &Bytes,
) -> Result<Sha256Hasher, StorageError> {
    if part.len() <= INLINE_LIMIT {
        hasher.update(part);
        return Ok(hasher);
    }
    let part = part.clone();
    blocking(move || {
        hasher.update(&part);
        Ok(hasher)
    })
    .await
}
