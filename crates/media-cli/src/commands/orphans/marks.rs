//! Since when media is unnamed, as runs found it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};
use crate::files::{Existing, NewFile};
use crate::output::escaped;

/// A file with a line for each media item that no history named. One run at a time has it.
#[derive(Debug)]
pub(super) struct Marks {
    path: PathBuf,
    seen: HashMap<String, DateTime<Utc>>,
    /// Beside the marks, which are replaced.
    _lock: File,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    id: String,
    since: DateTime<Utc>,
}

impl Marks {
    /// Reads the marks of earlier runs; a file that is not there has none.
    pub(super) fn open(path: &Path) -> Outcome<Self> {
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            std::fs::create_dir_all(parent).map_err(Failure::io("create", parent))?;
        }
        // Its own name and more: with another extension it may be a file of somebody else.
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let beside = PathBuf::from(beside);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&beside)
            .map_err(Failure::io("open", &beside))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::failed(
                    "another process looks for the same orphans",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(Failure::io("lock", &beside)(error)),
        }
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.map_err(Failure::io("read", path))?,
        };
        let mut lines: Vec<_> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(serde_json::from_str::<Line>)
            .collect();
        // The last line may have been cut short: its media waits again. All else is of somebody else.
        if lines.len() > 1 {
            lines.pop_if(|line| line.is_err());
        }
        let seen: Result<HashMap<_, _>, _> = lines
            .into_iter()
            .map(|line| line.map(|line| (line.id, line.since)))
            .collect();
        let seen = seen.ok().filter(|seen| text.is_empty() || !seen.is_empty());
        let Some(seen) = seen else {
            let shown = escaped(&path.to_string_lossy());
            return Err(Failure::failed(format!(
                "{shown:?} has no marks of this command; it was left as it is"
            )));
        };
        Ok(Self {
            path: path.to_owned(),
            seen,
            _lock: lock,
        })
    }

    /// Returns since when an earlier run knows media to be unnamed.
    pub(super) fn since(&self, id: &str) -> Option<DateTime<Utc>> {
        self.seen.get(id).copied()
    }

    /// Replaces all marks.
    pub(super) fn save(&mut self, seen: HashMap<String, DateTime<Utc>>) -> Outcome<()> {
        let mut file = NewFile::create(&self.path)?;
        let mut text = String::new();
        for (id, since) in &seen {
            let line = Line {
                id: id.clone(),
                since: *since,
            };
            let line = serde_json::to_string(&line);
            let line = line.map_err(|error| Failure::failed("cannot be written").because(error))?;
            text.push_str(&line);
            text.push('\n');
        }
        file.write_all(text.as_bytes())
            .map_err(Failure::io("write", &self.path))?;
        file.commit(Existing::Replace)?;
        self.seen = seen;
        Ok(())
    }
}
