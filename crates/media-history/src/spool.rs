//! Bytes that are too many for memory, in a file without a name.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use media_storage::{ByteStream, Operation, StorageError, StorageErrorKind};

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};

/// How much is read at a time.
const PIECE: usize = 192 * 1024;

/// A file without a name: it is gone with its last handle, or with the process.
#[derive(Clone, Debug)]
pub(crate) struct Spill {
    file: Arc<Mutex<File>>,
    len: u64,
}

impl Spill {
    /// Appends bytes to a spill, which is made if there is none, and returns it with the emptied
    /// buffer.
    pub(crate) async fn append(
        spill: Option<Self>,
        directory: Option<Arc<Path>>,
        mut bytes: Vec<u8>,
    ) -> Result<(Self, Vec<u8>), HistoryError> {
        let written = tokio::task::spawn_blocking(move || {
            let mut spill = match spill {
                Some(spill) => spill,
                None => {
                    let file = match directory {
                        Some(directory) => tempfile::tempfile_in(directory)?,
                        None => tempfile::tempfile()?,
                    };
                    Self {
                        file: Arc::new(Mutex::new(file)),
                        len: 0,
                    }
                }
            };
            // Nothing panics while it holds the lock, and each use seeks first.
            let mut file = spill.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(spill.len))?;
            file.write_all(&bytes)?;
            drop(file);
            spill.len += bytes.len() as u64;
            bytes.clear();
            Ok::<_, std::io::Error>((spill, bytes))
        });
        written.await.map_err(failed)?.map_err(failed)
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Reads the piece at an offset; empty at the end.
    pub(crate) async fn read(&self, at: u64) -> Result<Bytes, HistoryError> {
        let len = PIECE.min(usize::try_from(self.len.saturating_sub(at)).unwrap_or(PIECE));
        let file = Arc::clone(&self.file);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = vec![0; len];
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut bytes)?;
            Ok::<_, std::io::Error>(Bytes::from(bytes))
        });
        read.await.map_err(failed)?.map_err(failed)
    }

    /// The bytes as a stream, and more bytes after them.
    pub(crate) fn into_stream(self, tail: Bytes) -> ByteStream {
        let start = (self, 0_u64, Some(tail));
        Box::pin(stream::try_unfold(start, |(spill, at, tail)| async move {
            let piece = spill.read(at).await.map_err(|error| {
                StorageError::new(StorageErrorKind::Other, Operation::Store).with_source(error)
            })?;
            if !piece.is_empty() {
                let at = at + piece.len() as u64;
                return Ok(Some((piece, (spill, at, tail))));
            }
            let tail = tail.filter(|tail| !tail.is_empty());
            Ok(tail.map(|tail| (tail, (spill, at, None))))
        }))
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> HistoryError {
    HistoryError::new(HistoryErrorKind::Spool, HistoryOperation::Externalize).with_source(error)
}
