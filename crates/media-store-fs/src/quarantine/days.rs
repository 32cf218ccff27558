//! The directories of the quarantine.

use std::io;

use cap_std::fs::Dir;
use chrono::{DateTime, NaiveDate, Utc};
use media_storage::backend::CancelFlag;

use super::entry::{Entry, name_of_day, parse_day};
use crate::options::{Durability, FilePermissions};
use crate::staging::SweepMode;
use crate::sys;

const DIRECTORY: &str = "quarantine";

/// The quarantine of a store.
#[derive(Debug)]
pub(crate) struct Quarantine {
    own: Dir,
    durability: Durability,
    pub(super) permissions: FilePermissions,
}

impl Quarantine {
    pub(crate) fn new(own: Dir, durability: Durability, permissions: FilePermissions) -> Self {
        Self {
            own,
            durability,
            permissions,
        }
    }

    /// Whether there are entries of earlier versions, which lie in no day.
    pub(crate) fn has_old_entries(&self) -> io::Result<bool> {
        match self.existing()? {
            Some(root) => Ok(!files(&root)?.is_empty()),
            None => Ok(false),
        }
    }

    /// Moves entries of earlier versions to the current day, so that they can grow old. The caller holds the lock of
    /// metadata alone, so that nobody looks for an entry where it is not yet, or not any more.
    pub(crate) fn date_old_entries(&self, now: DateTime<Utc>) -> io::Result<()> {
        let Some(root) = self.existing()? else {
            return Ok(());
        };
        for name in files(&root)? {
            match sys::rename_new(&root, &name, &self.day(now)?, &name) {
                Err(error) if !sys::is_not_found(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Passes every entry to a function, which returns whether it removed the entry. Makes removals durable, then
    /// removes days that are empty, if the mode is to remove. Returns how many entries failed.
    pub(super) fn each(
        &self,
        cancelled: &CancelFlag,
        mode: SweepMode,
        mut visit: impl FnMut(&Dir, &Entry) -> io::Result<bool>,
    ) -> io::Result<u64> {
        let Some(root) = self.existing()? else {
            return Ok(0);
        };
        let mut failed = 0;
        let mut visit_all = |dir: &Dir, day: Option<NaiveDate>| -> io::Result<()> {
            let mut is_dirty = false;
            for name in names(dir)? {
                cancelled.check().map_err(io::Error::other)?;
                if day.is_none() && parse_day(&name).is_some() {
                    continue;
                }
                match visit(dir, &Entry::new(day, name)) {
                    Ok(removed) => is_dirty |= removed,
                    Err(error) if sys::is_not_found(&error) => {}
                    Err(_) => failed += 1,
                }
            }
            match is_dirty {
                true => self.settle(dir),
                false => Ok(()),
            }
        };
        visit_all(&root, None)?;
        for name in names(&root)? {
            let Some(day) = parse_day(&name) else {
                continue;
            };
            match sys::open_dir(&root, &name) {
                Ok(dir) => visit_all(&dir, Some(day))?,
                Err(error) if sys::is_absence(&error) => {}
                Err(error) => return Err(error),
            }
            if mode == SweepMode::Remove {
                // Fails unless the day is empty.
                let _ = root.remove_dir(&name);
            }
        }
        Ok(failed)
    }

    /// Makes what was changed in a directory of the quarantine durable, where the store promises that.
    pub(crate) fn settle(&self, dir: &Dir) -> io::Result<()> {
        match self.durability {
            Durability::Synced => sys::sync_dir(dir),
            Durability::Buffered => Ok(()),
        }
    }

    /// Removes a day if it is empty.
    pub(super) fn remove_empty(&self, day: NaiveDate) {
        if let Ok(Some(root)) = self.existing() {
            let _ = root.remove_dir(name_of_day(day));
        }
    }

    fn existing(&self) -> io::Result<Option<Dir>> {
        match sys::open_dir(&self.own, DIRECTORY) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if sys::is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens the directory of a day, and creates it if it does not exist.
    pub(super) fn day(&self, now: DateTime<Utc>) -> io::Result<Dir> {
        let mode = self.permissions.own_directory_mode();
        let ensure = |parent: &Dir, name: &str| -> io::Result<Dir> {
            match sys::create_dir(parent, name, mode) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => sys::open_dir(parent, name),
            }
        };
        let root = ensure(&self.own, DIRECTORY)?;
        ensure(&root, &name_of_day(now.date_naive()))
    }
}

/// Returns the names in a directory. The quarantine is small.
fn names(dir: &Dir) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in dir.entries()? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

/// Returns the names of the files in a directory.
fn files(dir: &Dir) -> io::Result<Vec<String>> {
    let mut files = names(dir)?;
    files.retain(|name| sys::stat(dir, name).is_ok_and(|stat| stat.is_file));
    Ok(files)
}
