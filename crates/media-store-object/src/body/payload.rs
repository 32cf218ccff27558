//! Complete bodies, whose hash is known and which can be sent more than once.

use bytes::Bytes;
use media_storage::backend::{Digest, invalid_base64};
use media_storage::{Operation, Sha256Hasher, StorageError, StorageErrorKind};
use media_types::base64;

use super::blocking::{INLINE_LIMIT, blocking};
use super::buffers::Buffers;

use super::spool::Spool;

/// Number of base64 characters that are decoded at a time.
const PIECE: usize = 256 * 1024;

/// A complete body that can be sent more than once.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    Bytes(Bytes),
    /// Base64 that was decoded once without an error.
    Base64(Bytes),
    Spooled(Spool),
}

impl Payload {
    /// Hashes bytes.
    pub(crate) async fn of_bytes(bytes: Bytes) -> Result<(Self, Digest), StorageError> {
        let digest = if bytes.len() <= INLINE_LIMIT {
            Digest::of_bytes(&bytes)
        } else {
            let bytes = bytes.clone();
            blocking(move || Ok(Digest::of_bytes(&bytes))).await?
        };
        Ok((Self::Bytes(bytes), digest))
    }

    /// Decodes base64 and hashes the result. A result of more than `held` bytes is not kept; the
    /// text is decoded again when it is sent.
    pub(crate) async fn of_base64(
        text: Bytes,
        held: usize,
    ) -> Result<(Self, Digest), StorageError> {
        let keeps = base64::decoded_len(&text) <= held as u64;
        let work = move || {
            let mut hasher = Sha256Hasher::new();
            let mut decoder = base64::Decoder::new();
            let mut out = Vec::new();
            let mut hashed = 0;
            for piece in text.chunks(PIECE) {
                decoder.push(piece, &mut out).map_err(invalid_base64)?;
                hasher.update(out.get(hashed..).unwrap_or_default());
                if keeps {
                    hashed = out.len();
                } else {
                    out.clear();
                }
            }
            decoder.finish(&mut out).map_err(invalid_base64)?;
            hasher.update(out.get(hashed..).unwrap_or_default());
            let payload = if keeps {
                Self::Bytes(out.into())
            } else {
                Self::Base64(text)
            };
            Ok((payload, Digest::of(hasher)))
        };
        blocking(work).await
    }

    /// Returns the parts of the body, whose length is `len`.
    pub(crate) fn parts(&self, len: u64, part_size: usize) -> Parts {
        let source = match self.clone() {
            Self::Bytes(bytes) => Source::Bytes(bytes),
            Self::Spooled(spool) => Source::Spooled(spool),
            Self::Base64(text) => Source::Base64(Box::new(Decoding {
                text,
                decoder: base64::Decoder::new(),
                ready: Vec::new(),
            })),
        };
        Parts {
            source,
            at: 0,
            len,
            part_size,
            buffers: Buffers::default(),
        }
    }
}

/// The parts of a body in order; all except the last have the same size.
#[derive(Debug)]
pub(crate) struct Parts {
    source: Source,
    at: u64,
    len: u64,
    part_size: usize,
    buffers: Buffers,
}

#[derive(Debug)]
enum Source {
    Bytes(Bytes),
    Base64(Box<Decoding>),
    Spooled(Spool),
    /// A part is being read, or failed to be read.
    Busy,
}

struct Decoding {
    text: Bytes,
    decoder: base64::Decoder,
    ready: Vec<u8>,
}

impl std::fmt::Debug for Decoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Decoding({} characters left)", self.text.len())
    }
}

impl Decoding {
    fn part(mut self: Box<Self>, len: usize) -> Result<(Box<Self>, Bytes), StorageError> {
        while self.ready.len() < len && !self.text.is_empty() {
            let piece = self.text.split_to(self.text.len().min(PIECE));
            self.decoder
                .push(&piece, &mut self.ready)
                .map_err(invalid_base64)?;
        }
        if self.text.is_empty() {
            let decoder = std::mem::take(&mut self.decoder);
            decoder.finish(&mut self.ready).map_err(invalid_base64)?;
        }
        let rest = self.ready.split_off(len.min(self.ready.len()));
        let part = std::mem::replace(&mut self.ready, rest);
        Ok((self, part.into()))
    }
}

impl Parts {
    /// Returns the next part, or `None` after the last one. An empty body has no parts.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        let left = self.len - self.at;
        let len = left.min(self.part_size as u64);
        if len == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(len).unwrap_or(self.part_size);
        let (source, part) = match std::mem::replace(&mut self.source, Source::Busy) {
            Source::Bytes(mut bytes) => {
                let part = bytes.split_to(bytes.len().min(wanted));
                (Source::Bytes(bytes), part)
            }
            Source::Spooled(spool) => {
                let part = spool.read(self.at, wanted, self.buffers.take()).await?;
                (Source::Spooled(spool), self.buffers.lend(part))
            }
            Source::Base64(decoding) => {
                let (decoding, part) = blocking(move || decoding.part(wanted)).await?;
                (Source::Base64(decoding), part)
            }
            Source::Busy => (Source::Busy, Bytes::new()),
        };
        if part.len() != wanted {
            return Err(StorageError::new(StorageErrorKind::Other, Operation::Store)
                .with_reason("the body became shorter after it was hashed"));
        }
        self.source = source;
        self.at += len;
        Ok(Some(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn collected(payload: &Payload, digest: Digest, part_size: usize) -> Vec<Vec<u8>> {
        let mut parts = payload.parts(digest.len, part_size);
        let mut all = Vec::new();
        while let Some(part) = parts.next().await.unwrap() {
            all.push(part.to_vec());
        }
        all
    }

    #[tokio::test]
    async fn parts_are_equal_and_can_be_read_again() {
        let bytes: Vec<u8> = (0..1_000_003_u32).map(|n| ((n * 7) >> 3) as u8).collect();
        let text = Bytes::from(base64::encode(&bytes));
        let (plain, digest) = Payload::of_bytes(bytes.clone().into()).await.unwrap();
        let mut payloads = vec![plain];
        for held in [0, 2_000_000] {
            let (payload, same) = Payload::of_base64(text.clone(), held).await.unwrap();
            assert_eq!(same, digest);
            assert_eq!(matches!(payload, Payload::Bytes(_)), held > 0);
            payloads.push(payload);
        }
        let writer = crate::body::SpoolWriter::create(None).await.unwrap();
        let writer = writer.write(bytes.clone().into()).await.unwrap();
        let (spool, same) = writer.finish();
        assert_eq!(same, digest);
        payloads.push(Payload::Spooled(spool));
        for payload in &payloads {
            for _ in 0..2 {
                let parts = collected(payload, digest, 300_000).await;
                assert_eq!(parts.len(), 4);
                assert!(parts[..3].iter().all(|part| part.len() == 300_000));
                assert!(parts.concat() == bytes);
            }
        }
    }

    #[tokio::test]
    async fn invalid_base64_is_an_error() {
        for held in [0, 100] {
            let error = Payload::of_base64("aGVsbG9=".into(), held)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), StorageErrorKind::InvalidInput);
        }
    }
}
