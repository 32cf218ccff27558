//! Bodies on their way in: counted, hashed, and held only as far as they must be.

use bytes::Bytes;
pub(crate) use media_storage::backend::check_expected_sha256 as check_expected;
use media_storage::backend::check_size;
use media_storage::{
    BodyData, ByteStream, MediaBody, Operation, Sha256Hasher, StorageError, StorageErrorKind, next,
};

use crate::blocking::{AT_ONCE, blocking};
use crate::buffers::Buffers;
use crate::payload::{Digest, Payload};
use crate::spool::Spooling;

/// How much a spool is given at a time.
const SPOOLED_AT_ONCE: usize = 1024 * 1024;

/// A body, as far as it had to be read to tell what it is.
#[derive(Debug)]
pub(crate) enum Intake {
    /// It is here.
    Whole(Payload, Digest),
    /// It is longer than one part, which is this one, and goes on.
    Longer(Bytes, Incoming),
}

/// Takes a body of at most `limit` bytes, one part of which may be held.
pub(crate) async fn take(
    body: MediaBody,
    limit: u64,
    part_size: usize,
) -> Result<Intake, StorageError> {
    if let Some(len) = body.len() {
        check_size(len, limit)?;
    }
    let (payload, digest) = match body.into_data() {
        BodyData::Bytes(bytes) => Payload::of_bytes(bytes).await?,
        BodyData::Base64(text) => {
            let taken = Payload::of_base64(text, part_size).await?;
            check_size(taken.1.len, limit)?;
            taken
        }
        BodyData::Stream { stream, .. } => {
            let mut incoming = Incoming {
                stream: Some(stream),
                carry: Bytes::new(),
                taken: 0,
                limit,
                buffers: Buffers::default(),
            };
            let first = incoming.part(part_size).await?;
            if !incoming.is_at_end() {
                return Ok(Intake::Longer(first, incoming));
            }
            Payload::of_bytes(first).await?
        }
        _ => {
            return Err(
                StorageError::new(StorageErrorKind::Unsupported, Operation::Store)
                    .with_reason("a form of body that this store does not know"),
            );
        }
    };
    Ok(Intake::Whole(payload, digest))
}

/// A stream, cut into parts.
pub(crate) struct Incoming {
    stream: Option<ByteStream>,
    /// Bytes that came after the part that they would have been too much for.
    carry: Bytes,
    taken: u64,
    limit: u64,
    buffers: Buffers,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incoming({} bytes so far)", self.taken)
    }
}

impl Incoming {
    /// Whether there is nothing more; known after each part.
    pub(crate) fn is_at_end(&self) -> bool {
        self.carry.is_empty() && self.stream.is_none()
    }

    /// The next `len` bytes, or what is left of them.
    pub(crate) async fn part(&mut self, len: usize) -> Result<Bytes, StorageError> {
        let first = self.carry.split_to(self.carry.len().min(len));
        // Mostly there is more to come; the copy keeps alive nothing but itself.
        let mut part = self.buffers.take();
        part.clear();
        if self.taken > 0 {
            // After a full part, mostly another; grown bit by bit it would be there twice at times.
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
            self.taken += piece.len() as u64;
            check_size(self.taken, self.limit)?;
            let fits = piece.split_to(piece.len().min(len - part.len()));
            part.extend_from_slice(&fits);
            self.carry = piece;
        }
        Ok(self.buffers.lend(part))
    }

    /// Writes all of it, and what came before, to a temporary file.
    pub(crate) async fn spool(
        mut self,
        first: Bytes,
        mut spooling: Spooling,
    ) -> Result<(Payload, Digest), StorageError> {
        spooling = spooling.write(first).await?;
        while !self.is_at_end() {
            let part = self.part(SPOOLED_AT_ONCE).await?;
            spooling = spooling.write(part).await?;
        }
        let (spool, digest) = spooling.finish();
        Ok((Payload::Spooled(spool), digest))
    }
}

/// Hashes a part without holding up the runtime.
pub(crate) async fn hashed(
    mut hasher: Sha256Hasher,
    part: &Bytes,
) -> Result<Sha256Hasher, StorageError> {
    if part.len() <= AT_ONCE {
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
