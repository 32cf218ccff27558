//! [`FileJournal`].

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::{StreamExt as _, stream};
use media_storage::{Operation, StorageError, StorageErrorKind};

use crate::journal::ErasureJournal;
use crate::record::ErasureRecord;

/// Number of records that are read at a time.
const BATCH: usize = 1024;

/// Largest length of a record, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// A journal in a file with a line of JSON for each record. Several processes may append to it.
#[derive(Clone, Debug)]
pub struct FileJournal {
    path: PathBuf,
}

impl FileJournal {
    /// Creates a journal in a file, which the first record creates. Its directory must exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

#[async_trait]
impl ErasureJournal for FileJournal {
    async fn append(&self, record: &ErasureRecord) -> Result<(), StorageError> {
        let mut line = serde_json::to_vec(record)
            .map_err(|error| journal_failure(Operation::DeleteScope, error.into()))?;
        line.push(b'\n');
        let path = self.path.clone();
        let appended = blocking(move || append(&path, line)).await;
        appended.map_err(|error| journal_failure(Operation::DeleteScope, error))
    }

    fn records(&self) -> BoxStream<'static, Result<ErasureRecord, StorageError>> {
        let path = self.path.clone();
        let batches = stream::try_unfold(None, move |reader| {
            let path = path.clone();
            async move {
                let read = blocking(move || read_batch(&path, reader)).await;
                let (reader, records) =
                    read.map_err(|error| journal_failure(Operation::Export, error))?;
                Ok((!records.is_empty()).then(|| (records, Some(reader))))
            }
        });
        Box::pin(batches.flat_map(|batch| match batch {
            Ok(records) => stream::iter(records.into_iter().map(Ok).collect::<Vec<_>>()),
            Err(error) => stream::iter(vec![Err(error)]),
        }))
    }
}

fn append(path: &Path, line: Vec<u8>) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.lock()?;
    // A process that ended while it wrote left half a line, which no record may follow.
    let end = file.seek(SeekFrom::End(0))?;
    let mut last = [b'\n'];
    if end > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    file.write_all(&line)?;
    file.sync_all()?;
    match path.parent() {
        Some(directory) if cfg!(unix) && end == 0 && directory != Path::new("") => {
            File::open(directory)?.sync_all()
        }
        _ => Ok(()),
    }
}

/// Reads the next records. Half a line, which was never acknowledged, is skipped; any other line that is
/// not a record is an error, since an erasure must not be missed.
fn read_batch(
    path: &Path,
    reader: Option<BufReader<File>>,
) -> io::Result<(BufReader<File>, Vec<ErasureRecord>)> {
    let mut reader = match reader {
        Some(reader) => reader,
        None => BufReader::new(File::open(path)?),
    };
    let mut records = Vec::new();
    let mut line = Vec::new();
    while records.len() < BATCH {
        line.clear();
        if (&mut reader).take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        match serde_json::from_slice(line.trim_ascii_end()) {
            Ok(record) => records.push(record),
            Err(error) if error.is_eof() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok((reader, records))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await?
}

fn journal_failure(operation: Operation, error: io::Error) -> StorageError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageErrorKind::DiskSpace,
        io::ErrorKind::PermissionDenied => StorageErrorKind::Permission,
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StorageErrorKind::Config,
        io::ErrorKind::InvalidData => StorageErrorKind::Corrupted,
        _ => StorageErrorKind::Unavailable,
    };
    StorageError::new(kind, operation)
        .with_reason("the journal of erasures cannot be used")
        .with_source(error)
}
