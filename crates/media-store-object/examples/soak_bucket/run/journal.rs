//! What a process writes down outside the store: what it holds, what it did, what went wrong.
//!
//! One line per event, appended with one call. A kill may cut a line short: then what it tells of has
//! not begun (a deletion), or nobody was told of it (a store). No fsync: processes die here, not the
//! machine.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};

use media_types::StorageReference;
use serde::{Deserialize, Serialize};

use crate::run::Result;
use crate::run::content::Content;

/// What a process asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Act {
    Open,
    Store,
    Read,
    Update,
    Delete,
    DeleteScope,
    Sweep,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    /// Acknowledged: from now on it must be there.
    Live(usize, Content, StorageReference),
    /// From now on its metadata may be the one before or the one to come.
    Changing(usize),
    /// Acknowledged: from now on this is its retention in days, and no other.
    Changed(usize, u32),
    /// From now on it may be there or not.
    Deleting(usize),
    /// It is gone.
    Free(usize),
    Did(Act),
    /// It ended with an error that faults explain.
    Failed(Act),
    /// What sweeps removed: generations that nothing held, and such as never came into use.
    Swept(u64, u64),
    /// A deleted reference was there once more: a write of it came late.
    CameBack,
}

/// A reference that a process knows of.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) content: Content,
    pub(crate) reference: StorageReference,
    /// Its retention in days, if an update of it was acknowledged and no other has begun.
    pub(crate) days: Option<u32>,
    /// Whether its deletion has begun.
    pub(crate) deleting: bool,
}

/// What the events of a process, or of all of them, come to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) held: BTreeMap<usize, Held>,
    pub(crate) did: BTreeMap<Act, u64>,
    pub(crate) failed: BTreeMap<Act, u64>,
    pub(crate) unheld: u64,
    pub(crate) unused: u64,
    pub(crate) came_back: u64,
}

impl Account {
    fn take(&mut self, event: Event) {
        match event {
            Event::Live(slot, content, reference) => {
                let held = Held {
                    content,
                    reference,
                    days: None,
                    deleting: false,
                };
                self.held.insert(slot, held);
            }
            Event::Changing(slot) => self.change(slot, None),
            Event::Changed(slot, days) => self.change(slot, Some(days)),
            Event::Deleting(slot) => {
                if let Some(held) = self.held.get_mut(&slot) {
                    held.deleting = true;
                }
            }
            Event::Free(slot) => drop(self.held.remove(&slot)),
            Event::Did(act) => *self.did.entry(act).or_default() += 1,
            Event::Failed(act) => *self.failed.entry(act).or_default() += 1,
            Event::Swept(unheld, unused) => {
                self.unheld += unheld;
                self.unused += unused;
            }
            Event::CameBack => self.came_back += 1,
        }
    }

    fn change(&mut self, slot: usize, days: Option<u32>) {
        if let Some(held) = self.held.get_mut(&slot) {
            held.days = days;
        }
    }

    /// Adds the figures of another.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, part) in [
            (&mut self.did, &other.did),
            (&mut self.failed, &other.failed),
        ] {
            for (act, count) in part {
                *sum.entry(*act).or_default() += count;
            }
        }
        self.unheld += other.unheld;
        self.unused += other.unused;
        self.came_back += other.came_back;
    }

    pub(crate) fn done(&self, act: Act) -> u64 {
        self.did.get(&act).copied().unwrap_or_default()
    }
}

/// What must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// An acknowledged reference does not give its bytes.
    Lost,
    /// Something is there that leads nowhere, or that should be gone.
    Dangling,
    /// An operation failed in a way that faults do not explain.
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
    pub(crate) account: Account,
}

fn path_of(directory: &Path, number: usize) -> PathBuf {
    directory.join(format!("process-{number}"))
}

impl Journal {
    pub(crate) fn open(directory: &Path, number: usize) -> Result<Self> {
        let account = account(directory, number)?;
        let path = path_of(directory, number);
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        // The last line may have been cut short.
        file.write_all(b"\n")?;
        Ok(Self {
            directory: directory.to_owned(),
            parent: parent_id(),
            file,
            account,
        })
    }

    pub(crate) fn write(&mut self, event: Event) -> Result<()> {
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.account.take(event);
        Ok(())
    }

    pub(crate) fn find(&self, finding: Finding, text: &str) -> Result<()> {
        note(&self.directory, finding, text)
    }

    /// Whether the processes are to end: the driver said so, or is gone itself.
    pub(crate) fn is_over(&self) -> bool {
        self.directory.join("stop").exists() || parent_id() != self.parent
    }
}

/// What the events of a process come to.
pub(crate) fn account(directory: &Path, number: usize) -> Result<Account> {
    let text = match std::fs::read(path_of(directory, number)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Account::default()),
        Err(error) => return Err(error.into()),
    };
    let mut account = Account::default();
    for line in text.split(|byte| *byte == b'\n') {
        if let Ok(event) = serde_json::from_slice(line) {
            account.take(event);
        }
    }
    Ok(account)
}

pub(crate) fn stop(directory: &Path) -> Result<()> {
    File::create(directory.join("stop"))?;
    Ok(())
}

/// Notes a finding.
pub(crate) fn note(directory: &Path, finding: Finding, text: &str) -> Result<()> {
    let path = directory.join(finding.file());
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
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
