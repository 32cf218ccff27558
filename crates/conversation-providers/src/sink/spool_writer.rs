//! Writing a spool.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use media_storage::Sha256Hasher;
use media_types::{MediaType, Mime, SNIFF_LEN, sniff, sniff_page};

use super::byte_budget::{ByteBudget, Reservation};
use super::error::SinkError;
use super::spool::{Backing, Contents, Spool};

/// Bytes that stay in memory, and that are written at a time.
const CHUNK: usize = 128 * 1024;

/// Where spools are.
#[derive(Clone, Debug)]
pub(super) enum SpoolLocation {
    /// Memory, whatever the size.
    Memory,
    /// Files of this directory; `None` is the system's for temporary files.
    Directory(Option<Arc<Path>>),
}

impl SpoolLocation {
    fn create(&self) -> std::io::Result<File> {
        match self {
            // The file has no name from its first moment where the system can do that, and is gone
            // with its last handle: nothing is left behind, whatever happens to this process.
            Self::Directory(Some(directory)) => tempfile::tempfile_in(directory),
            _ => tempfile::tempfile(),
        }
    }
}

/// Bytes that are being received.
#[derive(Debug)]
pub(super) struct SpoolWriter {
    location: SpoolLocation,
    pending: Vec<u8>,
    head: Vec<u8>,
    len: u64,
    /// Away during every write; missing after a write whose future was dropped.
    state: Option<Written>,
    reservation: Reservation,
}

#[derive(Debug, Default)]
struct Written {
    file: Option<File>,
    hasher: Sha256Hasher,
}

impl SpoolWriter {
    pub(super) fn new(location: SpoolLocation, budget: &Arc<ByteBudget>) -> Self {
        Self {
            location,
            pending: Vec::new(),
            head: Vec::new(),
            len: 0,
            state: Some(Written::default()),
            reservation: Reservation::new(budget),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The type that the first bytes show; the declared one where they show none.
    pub(super) fn type_of(&self, declared: &Mime) -> Mime {
        let page = || match declared.media_type() {
            MediaType::Document => None,
            _ => sniff_page(&self.head),
        };
        let found = sniff(&self.head).or_else(page);
        found.unwrap_or_else(|| declared.clone())
    }

    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), SinkError> {
        self.reservation.grow(bytes.len() as u64)?;
        self.len += bytes.len() as u64;
        let missing = SNIFF_LEN.saturating_sub(self.head.len());
        self.head
            .extend_from_slice(bytes.get(..missing).unwrap_or(bytes));
        if let SpoolLocation::Memory = self.location {
            self.pending.extend_from_slice(bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            let room = CHUNK - self.pending.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == CHUNK {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Writes what is pending to the file.
    async fn flush(&mut self) -> Result<(), SinkError> {
        let mut state = self.take_state()?;
        let location = self.location.clone();
        let mut pending = std::mem::take(&mut self.pending);
        let written = tokio::task::spawn_blocking(move || {
            let file = match &mut state.file {
                Some(file) => file,
                none => none.insert(location.create()?),
            };
            file.write_all(&pending)?;
            state.hasher.update(&pending);
            pending.clear();
            Ok::<_, std::io::Error>((state, pending))
        });
        let (state, pending) = written
            .await
            .map_err(SinkError::spool)?
            .map_err(SinkError::spool)?;
        self.state = Some(state);
        self.pending = pending;
        Ok(())
    }

    fn take_state(&mut self) -> Result<Written, SinkError> {
        self.state
            .take()
            .ok_or_else(|| SinkError::spool("an earlier write was not completed"))
    }

    pub(super) async fn finish(mut self) -> Result<Spool, SinkError> {
        let is_file = self.state.as_ref().is_none_or(|state| state.file.is_some());
        if is_file && !self.pending.is_empty() {
            self.flush().await?;
        }
        let Written { file, mut hasher } = self.take_state()?;
        let bytes = match file {
            Some(file) => Backing::File(Mutex::new(file)),
            None => {
                hasher.update(&self.pending);
                Backing::Memory(self.pending.into())
            }
        };
        Ok(Spool::new(Contents {
            bytes,
            len: self.len,
            sha256: hasher.finish(),
            _reservation: self.reservation,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::SinkErrorKind;
    use media_storage::StorageErrorKind;

    fn under(directory: &Path) -> SpoolLocation {
        SpoolLocation::Directory(Some(directory.into()))
    }

    async fn spooled(location: SpoolLocation, bytes: &[u8], step: usize) -> Spool {
        let mut writer = SpoolWriter::new(location, &ByteBudget::new(u64::MAX));
        for piece in bytes.chunks(step) {
            writer.write(piece).await.unwrap();
        }
        writer.finish().await.unwrap()
    }

    #[tokio::test]
    async fn bytes_can_be_read_any_number_of_times() {
        let directory = tempfile::tempdir().unwrap();
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 1_000_003] {
            let bytes: Vec<u8> = (0..len).map(|n| (n % 251) as u8).collect();
            for (location, step) in [
                (under(directory.path()), 1009),
                (under(directory.path()), len.max(1)),
                (SpoolLocation::Memory, 50_000),
            ] {
                let spool = spooled(location, &bytes, step).await;
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
                let is_file = spool.file().is_some();
                assert_eq!(is_file, len >= CHUNK && step != 50_000);
                // The file has no name.
                assert_eq!(directory.path().read_dir().unwrap().count(), 0);
            }
        }
    }

    #[tokio::test]
    async fn a_missing_directory_is_an_error_once_it_is_needed() {
        let directory = tempfile::tempdir().unwrap();
        let gone = under(&directory.path().join("gone"));
        spooled(gone.clone(), &[0; 1000], 100).await;
        let mut writer = SpoolWriter::new(gone, &ByteBudget::new(u64::MAX));
        let error = writer.write(&[0; CHUNK]).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Spool);
        // A writer that has failed stays so.
        assert!(writer.finish().await.is_err());
    }

    #[tokio::test]
    async fn a_changed_file_is_detected() {
        let directory = tempfile::tempdir().unwrap();
        let spool = spooled(under(directory.path()), &[7; 2 * CHUNK], CHUNK).await;
        let file = spool.file().unwrap();
        file.lock().unwrap().set_len(CHUNK as u64 + 1).unwrap();
        assert!(spool.bytes().await.is_err());
        file.lock().unwrap().set_len(2 * CHUNK as u64).unwrap();
        let error = spool.bytes().await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Corrupted);
    }

    #[tokio::test]
    async fn a_budget_is_shared_and_released() {
        let directory = tempfile::tempdir().unwrap();
        let budget = ByteBudget::new(2 * CHUNK as u64);
        let mut one = SpoolWriter::new(under(directory.path()), &budget);
        one.write(&[0; CHUNK]).await.unwrap();
        let mut other = SpoolWriter::new(under(directory.path()), &budget);
        let error = other.write(&[0; CHUNK + 1]).await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::TooLarge);
        let kept = one.finish().await.unwrap();
        assert!(other.write(&[0; CHUNK + 1]).await.is_err());
        drop(kept);
        other.write(&[0; CHUNK + 1]).await.unwrap();
    }
}
