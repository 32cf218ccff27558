//! What a run over a file has stored, for the run after a crash.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use media_types::StorageReference;
use serde::{Deserialize, Serialize};

use crate::locked_file::open_locked;

/// A list of references in a file, locked as long as it is open. Each is there before the text that
/// names it is.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    file: Arc<Mutex<File>>,
    path: Arc<Path>,
}

/// What an earlier run left.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) references: Vec<StorageReference>,
    /// Other files that the text was written to, or was about to be.
    pub(crate) outputs: Vec<PathBuf>,
    pub(crate) swap: Option<Swap>,
}

/// How far two files had come when one took the place of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Swap {
    /// How many bytes of the file that loses its place are in the other.
    pub(crate) old_len: u64,
    /// How long the other was then.
    pub(crate) new_len: u64,
    /// How many bytes behind `old_len` may have been appended to the other, somewhere behind `new_len`.
    #[serde(default)]
    pub(crate) appending: u64,
    /// Whether the history that was replaced gets its place again.
    #[serde(default)]
    pub(crate) is_back: bool,
}

impl Swap {
    /// Creates the swap of a history of which `old_len` bytes are in one of `new_len` bytes.
    pub(crate) fn new(old_len: u64, new_len: u64) -> Self {
        Self {
            old_len,
            new_len,
            appending: 0,
            is_back: false,
        }
    }

    /// Returns the opposite of a swap after which nothing was appended.
    pub(crate) fn reversed(self) -> Self {
        Self {
            old_len: self.new_len,
            new_len: self.old_len,
            appending: 0,
            is_back: !self.is_back,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Stored(StorageReference),
    Output(OsString),
    Swap(Swap),
}

impl Journal {
    /// Opens or creates a journal, and returns what an earlier run listed. `None` when another run has
    /// it open.
    pub(crate) fn open(path: PathBuf) -> io::Result<Option<(Self, Listed)>> {
        let Some(mut file) = open_locked(&path)? else {
            return Ok(None);
        };
        let mut listed = Listed::default();
        for line in BufReader::new(&file).split(b'\n') {
            // A last line that is torn was not in force: nothing names its media.
            match serde_json::from_slice(&line?) {
                Ok(Line::Stored(reference)) => listed.references.push(reference),
                Ok(Line::Output(path)) => listed.outputs.push(path.into()),
                Ok(Line::Swap(swap)) => listed.swap = Some(swap),
                Err(_) => {}
            }
        }
        if file.seek(SeekFrom::End(0))? > 0 {
            file.write_all(b"\n")?;
        }
        let journal = Self {
            file: Arc::new(Mutex::new(file)),
            path: path.into(),
        };
        Ok(Some((journal, listed)))
    }

    /// Lists a reference.
    pub(crate) async fn append(&self, reference: StorageReference) -> io::Result<()> {
        let journal = self.clone();
        let written = tokio::task::spawn_blocking(move || journal.write(&Line::Stored(reference)));
        written.await.map_err(io::Error::other)?
    }

    /// Notes that another file is about to name what is listed.
    pub(crate) fn writes(&self, output: &Path) -> io::Result<()> {
        // The next run may be started elsewhere.
        self.write(&Line::Output(std::path::absolute(output)?.into()))
    }

    /// Notes that one file is about to take the place of the other.
    pub(crate) fn swaps(&self, swap: Swap) -> io::Result<()> {
        self.write(&Line::Swap(swap))
    }

    fn write(&self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&text)?;
        file.sync_data()
    }

    /// Removes the journal: nothing is left to be done.
    pub(crate) fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    /// Removes the journal if nothing is in it.
    pub(crate) fn remove_if_empty(&self) -> io::Result<()> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        match file.metadata()?.len() {
            0 => std::fs::remove_file(&self.path),
            _ => Ok(()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Each run removes its journal while others open it: no two of them hold it at once.
    #[test]
    fn one_run_at_a_time_holds_a_journal() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let held = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    use std::sync::atomic::Ordering::SeqCst;
                    for _ in 0..2000 {
                        if let Some((journal, _)) = Journal::open(path.clone()).unwrap() {
                            assert_eq!(held.fetch_add(1, SeqCst), 0);
                            std::thread::yield_now();
                            held.fetch_sub(1, SeqCst);
                            journal.remove().unwrap();
                        }
                    }
                });
            }
        });
    }
}
