//! Hashing what is read and written.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use media_storage::Sha256Hasher;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A reader whose bytes are hashed and counted.
#[derive(Debug)]
pub(super) struct HashingReader<R> {
    reader: R,
    hasher: Sha256Hasher,
}

impl<R> HashingReader<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            hasher: Sha256Hasher::new(),
        }
    }

    /// What was read so far.
    pub(super) fn into_hasher(self) -> Sha256Hasher {
        self.hasher
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for HashingReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.reader).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        self.hasher.update(read);
        Poll::Ready(Ok(()))
    }
}

/// A writer that only hashes and counts.
#[derive(Debug, Default)]
pub(super) struct HashingWriter(pub(super) Sha256Hasher);

impl AsyncWrite for HashingWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.update(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
