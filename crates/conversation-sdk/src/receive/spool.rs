//! Bytes that are kept until they have found their place: in memory, or in a file without a name.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use media_storage::{
    ByteStream, MediaBody, Operation, Sha256Hasher, StorageError, StorageErrorKind, next,
};
use media_types::{Mime, SNIFF_LEN, Sha256, sniff};

use super::budget::{Budget, Share};
use super::error::ReceiveError;

/// How much is written and read at a time, and how much stays in memory.
const PIECE: usize = 128 * 1024;

/// Where spools are.
#[derive(Clone, Debug)]
pub(crate) enum SpoolSite {
    /// In memory, whatever the size.
    Memory,
    /// In files of this directory; `None` is the system's for temporary files.
    Directory(Option<Arc<Path>>),
}

impl SpoolSite {
    fn open(&self) -> std::io::Result<File> {
        match self {
            // The file has no name from its first moment where the system can do that, and is gone
            // with its last handle: nothing is left behind, whatever happens to this process.
            Self::Directory(Some(directory)) => tempfile::tempfile_in(directory),
            _ => tempfile::tempfile(),
        }
    }
}

/// Bytes that are being gathered.
#[derive(Debug)]
pub(super) struct SpoolWriter {
    site: SpoolSite,
    pending: Vec<u8>,
    head: Vec<u8>,
    len: u64,
    /// On its way with every write; missing after a write whose future was dropped.
    file: Option<Spooled>,
    share: Share,
}

#[derive(Debug, Default)]
struct Spooled {
    file: Option<File>,
    hasher: Sha256Hasher,
}

impl SpoolWriter {
    pub(super) fn new(site: SpoolSite, budget: &Arc<Budget>) -> Self {
        Self {
            site,
            pending: Vec::new(),
            head: Vec::new(),
            len: 0,
            file: Some(Spooled::default()),
            share: Share::new(budget),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// What the first bytes look like.
    pub(super) fn sniffed(&self) -> Option<Mime> {
        sniff(&self.head)
    }

    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), ReceiveError> {
        self.share.grow(bytes.len() as u64)?;
        self.len += bytes.len() as u64;
        let missing = SNIFF_LEN.saturating_sub(self.head.len());
        self.head
            .extend_from_slice(bytes.get(..missing).unwrap_or(bytes));
        if let SpoolSite::Memory = self.site {
            self.pending.extend_from_slice(bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            let room = PIECE - self.pending.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == PIECE {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Writes what is pending to the file.
    async fn flush(&mut self) -> Result<(), ReceiveError> {
        let mut spooled = self.spooled()?;
        let site = self.site.clone();
        let mut pending = std::mem::take(&mut self.pending);
        let written = tokio::task::spawn_blocking(move || {
            let file = match &mut spooled.file {
                Some(file) => file,
                none => none.insert(site.open()?),
            };
            file.write_all(&pending)?;
            spooled.hasher.update(&pending);
            pending.clear();
            Ok::<_, std::io::Error>((spooled, pending))
        });
        let (spooled, pending) = written
            .await
            .map_err(ReceiveError::spool)?
            .map_err(ReceiveError::spool)?;
        self.file = Some(spooled);
        self.pending = pending;
        Ok(())
    }

    fn spooled(&mut self) -> Result<Spooled, ReceiveError> {
        self.file
            .take()
            .ok_or_else(|| ReceiveError::spool("an earlier write did not come to its end"))
    }

    pub(super) async fn finish(mut self) -> Result<Spool, ReceiveError> {
        let is_file = self.file.as_ref().is_none_or(|state| state.file.is_some());
        if is_file && !self.pending.is_empty() {
            self.flush().await?;
        }
        let Spooled { file, mut hasher } = self.spooled()?;
        let bytes = match file {
            Some(file) => Bits::File(Mutex::new(file)),
            None => {
                hasher.update(&self.pending);
                Bits::Memory(self.pending.into())
            }
        };
        Ok(Spool(Arc::new(Kept {
            bytes,
            len: self.len,
            sha256: hasher.finish(),
            _share: self.share,
        })))
    }
}

/// Bytes that were gathered whole, to be read any number of times. Clones are the same bytes; they
/// are gone with the last one.
#[derive(Clone, Debug)]
pub(crate) struct Spool(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    bytes: Bits,
    len: u64,
    sha256: Sha256,
    _share: Share,
}

enum Bits {
    Memory(Bytes),
    File(Mutex<File>),
}

impl std::fmt::Debug for Bits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Memory(_) => "Memory",
            Self::File(_) => "File",
        })
    }
}

impl Spool {
    pub(crate) fn len(&self) -> u64 {
        self.0.len
    }

    pub(crate) fn sha256(&self) -> Sha256 {
        self.0.sha256
    }

    /// The bytes as a stream that ends in `Corrupted` where they are not those that were written.
    pub(crate) fn body(&self) -> MediaBody {
        match &self.0.bytes {
            Bits::Memory(bytes) => MediaBody::from_bytes(bytes.clone()),
            Bits::File(_) => {
                let (len, sha256) = (self.len(), self.sha256());
                MediaBody::from_stored_stream(len, Some(sha256), self.read(0..len))
            }
        }
    }

    /// A part of the bytes.
    pub(super) fn part(&self, range: Range<u64>) -> MediaBody {
        let end = range.end.min(self.len());
        let range = range.start.min(end)..end;
        MediaBody::from_stream(Some(range.end - range.start), self.read(range))
    }

    /// All bytes, in memory.
    pub(crate) async fn bytes(&self) -> Result<Bytes, StorageError> {
        if let Bits::Memory(bytes) = &self.0.bytes {
            return Ok(bytes.clone());
        }
        let len = usize::try_from(self.len()).map_err(failed)?;
        // So many bytes were written: the length is no mere claim.
        let mut all = BytesMut::with_capacity(len);
        let mut pieces = self.body().into_stream();
        while let Some(piece) = next(&mut pieces).await {
            all.extend_from_slice(&piece?);
        }
        Ok(all.freeze())
    }

    fn read(&self, range: Range<u64>) -> ByteStream {
        let start = (self.clone(), range);
        Box::pin(stream::try_unfold(start, |(spool, range)| async move {
            if range.is_empty() {
                return Ok(None);
            }
            let end = range.end.min(range.start + PIECE as u64);
            let piece = range.start..end;
            let reader = spool.clone();
            let read = tokio::task::spawn_blocking(move || reader.read_now(piece));
            let bytes = read.await.map_err(failed)?.map_err(failed)?;
            Ok(Some((bytes, (spool, end..range.end))))
        }))
    }

    fn read_now(&self, range: Range<u64>) -> std::io::Result<Bytes> {
        let len = usize::try_from(range.end - range.start).map_err(std::io::Error::other)?;
        match &self.0.bytes {
            Bits::Memory(bytes) => {
                let at = usize::try_from(range.start).map_err(std::io::Error::other)?;
                Ok(bytes.slice(at..at + len))
            }
            Bits::File(file) => {
                let mut bytes = vec![0; len];
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(range.start))?;
                file.read_exact(&mut bytes)?;
                Ok(bytes.into())
            }
        }
    }
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StorageError {
    StorageError::new(StorageErrorKind::Other, Operation::Retrieve)
        .with_reason("the spool cannot be read")
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receive::ReceiveErrorKind;

    fn site(directory: &Path) -> SpoolSite {
        SpoolSite::Directory(Some(directory.into()))
    }

    async fn spooled(site: SpoolSite, bytes: &[u8], step: usize) -> Spool {
        let mut writer = SpoolWriter::new(site, &Budget::new(u64::MAX));
        for piece in bytes.chunks(step) {
            writer.write(piece).await.unwrap();
        }
        writer.finish().await.unwrap()
    }

    #[tokio::test]
    async fn bytes_come_back_as_often_as_they_are_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 1_000_003] {
            let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            for (site, step) in [
                (site(directory.path()), 1009),
                (site(directory.path()), len.max(1)),
                (SpoolSite::Memory, 50_000),
            ] {
                let spool = spooled(site, &bytes, step).await;
                assert_eq!(spool.len(), len as u64);
                assert_eq!(spool.sha256(), Sha256Hasher::digest(&bytes));
                for _ in 0..2 {
                    assert!(spool.bytes().await.unwrap() == bytes, "{len}");
                }
                let range = (len / 3) as u64..(len / 2) as u64;
                let part = spool.part(range).bytes(u64::MAX).await.unwrap();
                assert!(part == bytes[len / 3..len / 2]);
                let beyond = spool.part(len as u64..u64::MAX).bytes(u64::MAX).await;
                assert_eq!(beyond.unwrap(), "");
                let is_file = matches!(spool.0.bytes, Bits::File(_));
                assert_eq!(is_file, len >= PIECE && step != 50_000);
                // The file has no name.
                assert_eq!(directory.path().read_dir().unwrap().count(), 0);
            }
        }
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_an_error_once_it_is_needed() {
        let directory = tempfile::tempdir().unwrap();
        let gone = site(&directory.path().join("gone"));
        spooled(gone.clone(), &[0; 1000], 100).await;
        let mut writer = SpoolWriter::new(gone, &Budget::new(u64::MAX));
        let error = writer.write(&[0; PIECE]).await.unwrap_err();
        assert_eq!(error.kind(), ReceiveErrorKind::Spool);
        // A writer that has failed stays so.
        assert!(writer.finish().await.is_err());
    }

    #[tokio::test]
    async fn a_file_that_changes_is_found_out() {
        let directory = tempfile::tempdir().unwrap();
        let spool = spooled(site(directory.path()), &[7; 2 * PIECE], PIECE).await;
        let Bits::File(file) = &spool.0.bytes else {
            panic!("in memory");
        };
        file.lock().unwrap().set_len(PIECE as u64 + 1).unwrap();
        assert!(spool.bytes().await.is_err());
        file.lock().unwrap().set_len(2 * PIECE as u64).unwrap();
        let error = spool.bytes().await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted);
    }

    #[tokio::test]
    async fn a_budget_is_shared_and_given_back() {
        let directory = tempfile::tempdir().unwrap();
        let budget = Budget::new(2 * PIECE as u64);
        let mut one = SpoolWriter::new(site(directory.path()), &budget);
        one.write(&[0; PIECE]).await.unwrap();
        let mut other = SpoolWriter::new(site(directory.path()), &budget);
        let error = other.write(&[0; PIECE + 1]).await.unwrap_err();
        assert_eq!(error.kind(), ReceiveErrorKind::TooLarge);
        let kept = one.finish().await.unwrap();
        assert!(other.write(&[0; PIECE + 1]).await.is_err());
        drop(kept);
        other.write(&[0; PIECE + 1]).await.unwrap();
    }
}
