//! Receiving bytes: hashed, in memory if they are few, otherwise in a file.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::StreamExt as _;
use md5::{Digest as _, Md5};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};

/// Maximum size of a body that is kept in memory, in bytes.
pub const MEMORY_LIMIT: usize = 256 * 1024;

/// The bytes of one request: an object, or a part of one.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    data: Data,
    len: u64,
    md5: [u8; 16],
}

#[derive(Debug, Clone)]
pub(super) enum Data {
    Memory(Bytes),
    File(Arc<StagedFile>),
}

impl Piece {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn md5(&self) -> [u8; 16] {
        self.md5
    }

    pub(super) fn data(&self) -> &Data {
        &self.data
    }
}

/// A file that is removed with its last owner.
#[derive(Debug)]
pub(super) struct StagedFile(PathBuf);

impl StagedFile {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[derive(Debug)]
pub(super) struct Staging {
    dir: PathBuf,
    next: AtomicU64,
}

impl Staging {
    pub(super) async fn new(dir: PathBuf) -> io::Result<Self> {
        tokio::fs::create_dir_all(&dir).await?;
        Ok(Self {
            dir,
            next: AtomicU64::new(0),
        })
    }

    pub(super) async fn receive<S, B, E>(&self, body: S) -> io::Result<Piece>
    where
        S: Stream<Item = Result<B, E>> + Send,
        B: Into<Bytes>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut body = pin!(body);
        let mut md5 = Md5::new();
        let mut len = 0;
        let mut memory = BytesMut::new();
        let mut file: Option<(BufWriter<File>, StagedFile)> = None;
        while let Some(chunk) = body.next().await {
            let chunk: Bytes = chunk.map_err(io::Error::other)?.into();
            md5.update(&chunk);
            len += chunk.len() as u64;
            match &mut file {
                Some((writer, _)) => writer.write_all(&chunk).await?,
                None if memory.len() + chunk.len() <= MEMORY_LIMIT => {
                    memory.extend_from_slice(&chunk);
                }
                None => {
                    let (mut writer, staged) = self.file().await?;
                    writer.write_all(&std::mem::take(&mut memory)).await?;
                    writer.write_all(&chunk).await?;
                    file = Some((writer, staged));
                }
            }
        }
        let data = match file {
            Some((mut writer, staged)) => {
                writer.flush().await?;
                Data::File(Arc::new(staged))
            }
            None => Data::Memory(memory.freeze()),
        };
        Ok(Piece {
            data,
            len,
            md5: md5.finalize().into(),
        })
    }

    async fn file(&self) -> io::Result<(BufWriter<File>, StagedFile)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!("{number:08}.body"));
        let file = File::create_new(&path).await?;
        Ok((
            BufWriter::with_capacity(MEMORY_LIMIT, file),
            StagedFile(path),
        ))
    }
}
