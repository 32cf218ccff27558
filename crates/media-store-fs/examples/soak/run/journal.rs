//! What a process writes down outside the store: what it holds, and what went wrong.
//!
//! One record of fixed size per process, written with one call, so that a kill leaves the old one
//! or the new one. No fsync: processes die here, not the machine.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};

use media_types::StorageReference;
use serde::{Deserialize, Serialize};

use crate::run::Result;

const RECORD: usize = 1024;

/// What a process holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) enum Holding {
    #[default]
    Nothing,
    /// Acknowledged: must be there.
    Live(StorageReference, usize),
    /// May be there or not.
    Deleting(StorageReference),
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) operations: u64,
    pub(crate) holding: Holding,
}

/// What must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// An acknowledged reference does not give its bytes.
    Lost,
    /// Something is there that should be gone.
    Dangling,
    /// An operation failed.
    Failed,
}

impl Finding {
    fn file(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Dangling => "dangling",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Journal {
    directory: PathBuf,
    parent: u32,
    file: File,
}

impl Journal {
    pub(crate) fn open(directory: &Path, number: usize) -> Result<(Self, Record)> {
        let path = directory.join(format!("process-{number}"));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let journal = Self {
            directory: directory.to_owned(),
            parent: parent_id(),
            file,
        };
        let record = journal.read()?;
        Ok((journal, record))
    }

    fn read(&self) -> Result<Record> {
        let mut bytes = [0; RECORD];
        match self.file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Record::default()),
            Err(error) => return Err(error.into()),
        }
        Ok(serde_json::from_slice(&bytes)?)
    }

    pub(crate) fn write(&self, record: &Record) -> Result<()> {
        let mut bytes = serde_json::to_vec(record)?;
        if bytes.len() > RECORD {
            return Err("the record is too long".into());
        }
        bytes.resize(RECORD, b' ');
        self.file.write_all_at(&bytes, 0)?;
        Ok(())
    }

    pub(crate) fn find(&self, finding: Finding, text: &str) -> Result<()> {
        note(&self.directory, finding, text)
    }

    /// Whether the processes are to end.
    pub(crate) fn is_over(&self) -> bool {
        is_over(&self.directory, self.parent)
    }
}

/// Whether the driver said so, or is gone itself, and the journal with it.
pub(crate) fn is_over(directory: &Path, parent: u32) -> bool {
    directory.join("stop").exists() || parent_id() != parent
}

pub(crate) fn stop(directory: &Path) -> Result<()> {
    File::create(directory.join("stop"))?;
    Ok(())
}

/// Notes a finding.
pub(crate) fn note(directory: &Path, finding: Finding, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(directory.join(finding.file()))?;
    file.write_all(format!("{}\n", text.replace('\n', " ")).as_bytes())?;
    Ok(())
}

/// The findings of a kind so far.
pub(crate) fn findings(directory: &Path, finding: Finding) -> Result<Vec<String>> {
    match std::fs::read_to_string(directory.join(finding.file())) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
