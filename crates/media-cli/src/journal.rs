//! What an interrupted run has done already, so that the next goes on after it.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use media_history::open_locked;
use media_storage::Sha256Hasher;

use crate::failure::{Failure, Outcome};
use crate::output::escaped;

/// First line of a journal.
const HEADER: &str = "media journal v1 ";

/// A file with a line for each item that is done. One process at a time holds it.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    hasher: RandomState,
    /// Hashes of the items, 8 bytes each. Two items whose hashes are equal would be taken for one:
    /// at a hundred million items the chance of any such pair is one in 3,700.
    done: HashSet<u64>,
}

impl Journal {
    /// Returns where the journal of a task lies unless another place is given.
    pub(crate) fn default_path(task: &str) -> Option<PathBuf> {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let state = set("XDG_STATE_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(set("HOME")?).join(".local/state")))?;
        let digest = Sha256Hasher::digest(task.as_bytes()).to_string();
        let name = digest.get(..16).unwrap_or_default();
        Some(state.join("media-cli").join(format!("{name}.journal")))
    }

    /// Opens the journal of a task, and reads what is done; a fresh one says that nothing is. The end of a
    /// line that was being written when the process died is dropped.
    ///
    /// A file that is anything else is left as it is.
    pub(crate) fn open(path: &Path, task: &str, fresh: bool) -> Outcome<Self> {
        let shown = escaped(&path.to_string_lossy());
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            std::fs::create_dir_all(parent).map_err(Failure::io("create", parent))?;
        }
        let opened = open_locked(path).map_err(Failure::io("open the journal", path))?;
        let mut file = opened.ok_or_else(|| {
            Failure::failed(format!(
                "another process does the same at this moment (journal {shown:?})"
            ))
        })?;
        let header = format!("{HEADER}{}\n", Sha256Hasher::digest(task.as_bytes()));
        let mut reader = BufReader::new(&file);
        let mut start = Vec::new();
        (&mut reader)
            .take(header.len() as u64)
            .read_to_end(&mut start)
            .map_err(Failure::io("read the journal", path))?;
        let is_ours = start.starts_with(HEADER.as_bytes()) && header.as_bytes().starts_with(&start);
        if !is_ours && !start.is_empty() {
            return Err(Failure::failed(format!(
                "{shown:?} is not the journal of this command; it was left as it is"
            )));
        }
        let hasher = RandomState::new();
        let mut done = HashSet::new();
        let mut whole = match start.len() == header.len() {
            true => start.len() as u64,
            false => 0,
        };
        let mut line = String::new();
        while whole > 0 && !fresh {
            line.clear();
            let read = reader
                .read_line(&mut line)
                .map_err(Failure::io("read the journal", path))?;
            let Some(text) = line.strip_suffix('\n') else {
                break;
            };
            whole += read as u64;
            done.insert(hasher.hash_one(text));
        }
        file.set_len(whole)
            .map_err(Failure::io("write the journal", path))?;
        file.seek(SeekFrom::End(0))
            .map_err(Failure::io("write the journal", path))?;
        let mut journal = Self {
            file,
            path: path.to_owned(),
            hasher,
            done,
        };
        if whole == 0 {
            journal.write(header.trim_end())?;
        }
        Ok(journal)
    }

    /// Returns how many items are done.
    pub(crate) fn len(&self) -> u64 {
        self.done.len() as u64
    }

    /// Returns whether an item is done.
    pub(crate) fn contains(&self, item: &str) -> bool {
        self.done.contains(&self.hasher.hash_one(item))
    }

    /// Notes that an item is done. Items hold no line breaks.
    pub(crate) fn add(&mut self, item: &str) -> Outcome<()> {
        self.done.insert(self.hasher.hash_one(item));
        self.write(item)
    }

    fn write(&mut self, line: &str) -> Outcome<()> {
        let text = format!("{line}\n");
        let written = self.file.write_all(text.as_bytes());
        written.map_err(Failure::io("write the journal", &self.path))
    }

    /// Removes the journal: the task is done.
    pub(crate) fn remove(self) -> Outcome<()> {
        std::fs::remove_file(&self.path).map_err(Failure::io("remove the journal", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_goes_on_after_its_last_whole_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/x.journal");
        let mut journal = Journal::open(&path, "task", false).unwrap();
        journal.add("a").unwrap();
        journal.add("b").unwrap();
        assert!(Journal::open(&path, "task", false).is_err(), "it is held");
        drop(journal);
        let torn = std::fs::read(&path).unwrap();
        std::fs::write(&path, &torn[..torn.len() - 1]).unwrap();
        let mut journal = Journal::open(&path, "task", false).unwrap();
        assert!(journal.contains("a") && !journal.contains("b") && journal.len() == 1);
        journal.add("b").unwrap();
        drop(journal);
        assert_eq!(std::fs::read(&path).unwrap(), torn);
        assert!(Journal::open(&path, "other", false).is_err());
        drop(Journal::open(&path, "task", true).unwrap());
        let header = std::fs::read(&path).unwrap();
        assert!(torn.starts_with(&header) && header.len() < torn.len());
        Journal::open(&path, "task", false)
            .unwrap()
            .remove()
            .unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_no_journal_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notes");
        drop(Journal::open(&path, "other", false).unwrap());
        let mut other = std::fs::read(&path).unwrap();
        other.extend_from_slice(b"an item\n");
        let files: [&[u8]; 6] = [b"{\"a\":1}", b"a line\n", b"\n", b"m", b"\xff\0", &other];
        for (file, fresh) in files
            .into_iter()
            .flat_map(|file| [(file, false), (file, true)])
        {
            std::fs::write(&path, file).unwrap();
            assert!(Journal::open(&path, "task", fresh).is_err(), "{file:?}");
            assert_eq!(std::fs::read(&path).unwrap(), file);
        }
        // A header that was being written.
        for torn in [&b""[..], &other[..30]] {
            std::fs::write(&path, torn).unwrap();
            drop(Journal::open(&path, "other", false).unwrap());
            assert!(other.starts_with(&std::fs::read(&path).unwrap()));
        }
    }
}
