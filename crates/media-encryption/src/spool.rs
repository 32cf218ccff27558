//! Media of unknown hash on the local disk, encrypted with a key that only this process has, and only
//! while the upload runs.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use media_storage::{ByteStream, StorageError};

use crate::crypto::{self, ChunkKey, ChunkNonce, Secret, TAG_LEN};
use crate::failure::{encryption_failure, spool_failure};

/// Number of bytes of media in a frame; the last one may have fewer.
const FRAME: usize = 256 * 1024;

/// A spool that is being written. Its file has no name, so nothing is left of it when the process ends.
pub(crate) struct SpoolWriter {
    file: Arc<File>,
    key: Arc<ChunkKey>,
    frame: BytesMut,
    frames: u32,
}

/// A complete spool.
pub(crate) struct Spool {
    file: Arc<File>,
    key: Arc<ChunkKey>,
    len: u64,
}

impl SpoolWriter {
    pub(crate) async fn create(directory: Option<PathBuf>) -> Result<Self, StorageError> {
        let create = move || match directory {
            Some(directory) => tempfile::tempfile_in(directory),
            None => tempfile::tempfile(),
        };
        let file = blocking(create).await?;
        let secret = Secret::new(crypto::random().map_err(encryption_failure)?);
        Ok(Self {
            file: Arc::new(file),
            key: Arc::new(ChunkKey::new(&secret).map_err(encryption_failure)?),
            frame: BytesMut::new(),
            frames: 0,
        })
    }

    pub(crate) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StorageError> {
        while !bytes.is_empty() {
            let room = FRAME - self.frame.len();
            let (part, rest) = bytes.split_at(bytes.len().min(room));
            self.frame.extend_from_slice(part);
            bytes = rest;
            if self.frame.len() == FRAME {
                self.flush().await?;
            }
        }
        Ok(())
    }

    pub(crate) async fn finish(mut self, len: u64) -> Result<Spool, StorageError> {
        if !self.frame.is_empty() {
            self.flush().await?;
        }
        Ok(Spool {
            file: self.file,
            key: self.key,
            len,
        })
    }

    async fn flush(&mut self) -> Result<(), StorageError> {
        let nonce = ChunkNonce {
            index: self.frames,
            last: false,
        };
        self.frames = self.frames.saturating_add(1);
        let mut frame: Vec<u8> = std::mem::take(&mut self.frame).into();
        let (file, key) = (Arc::clone(&self.file), Arc::clone(&self.key));
        key.seal(nonce, &[], &mut frame, 0)
            .map_err(encryption_failure)?;
        blocking(move || (&*file).write_all(&frame)).await
    }
}

impl Spool {
    /// Returns the media as it was written.
    pub(crate) fn into_stream(self) -> ByteStream {
        let start = (self, 0_u32);
        Box::pin(stream::try_unfold(start, |(spool, index)| async move {
            let done = u64::from(index) * FRAME as u64;
            let Some(rest) = spool.len.checked_sub(done).filter(|rest| *rest > 0) else {
                return Ok(None);
            };
            let len = usize::try_from(rest).unwrap_or(FRAME).min(FRAME);
            let file = Arc::clone(&spool.file);
            let mut frame = blocking(move || {
                let mut frame = vec![0; len + TAG_LEN];
                let mut file = &*file;
                if index == 0 {
                    file.rewind()?;
                }
                file.read_exact(&mut frame)?;
                Ok(frame)
            })
            .await?;
            let nonce = ChunkNonce { index, last: false };
            let len = spool
                .key
                .open(nonce, &[], &mut frame)
                .map_err(encryption_failure)?;
            frame.truncate(len);
            Ok(Some((Bytes::from(frame), (spool, index + 1))))
        }))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, StorageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(spool_failure),
        Err(ended) => Err(spool_failure(std::io::Error::other(ended))),
    }
}
