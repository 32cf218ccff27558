//! The media of one name in the quarantine.

use std::collections::HashSet;
use std::io;

use cap_std::fs::Dir;
use chrono::NaiveDate;
use media_storage::backend::CancelFlag;
use media_storage::layout::FileName;
use media_storage::{Sidecar, StorageError};

use super::days::Quarantine;
use super::entry::{Entry, Kind};
use crate::delete_file::remove_file;
use crate::sidecar_file::{SidecarState, read_sidecar};
use crate::staging::SweepMode;

/// A file of the quarantine.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) dir: Dir,
    pub(crate) name: String,
    day: Option<NaiveDate>,
}

/// What the sidecars of quarantined media say. The strictest decides.
#[derive(Debug, Default)]
pub(crate) enum Said {
    /// Nothing: there is none.
    #[default]
    Nothing,
    /// There are only damaged ones.
    Damaged(StorageError),
    /// All that are valid.
    Valid(Vec<(Place, Box<Sidecar>)>),
    /// One is of a later version.
    Later(StorageError),
}

/// The media of one name in quarantine, and what belongs to it.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) said: Said,
    pub(crate) files: Files,
}

/// The files of an item.
#[derive(Debug, Default)]
pub(crate) struct Files {
    media: Vec<Place>,
    sidecars: Vec<Place>,
}

impl Quarantine {
    /// Returns the media that is here under a name. The caller holds the lock of metadata, alone or with others.
    ///
    /// Removes sidecars whose media is not here. They hold nothing, and would keep ids in a place that no scope
    /// leads to: a process was killed before it had moved the media here, or after it had removed it. Whoever
    /// deletes, changes or moves media of the name looks here first, so that such a sidecar is never met by
    /// anything that could take it for one of the media.
    pub(crate) fn find(&self, file: &FileName) -> io::Result<Option<Item>> {
        let mut files = Files::default();
        let (mut valid, mut later, mut damaged) = (Vec::new(), None, None);
        let mut failure = None;
        let mut look = |dir: &Dir, entry: &Entry| -> io::Result<()> {
            let is_sidecar = match &entry.kind {
                Kind::Media(found) if found == file => false,
                Kind::Sidecar(found) if found == file => true,
                _ => return Ok(()),
            };
            if !is_sidecar {
                files.media.push(place(dir, entry)?);
                return Ok(());
            }
            match read_sidecar(dir, &entry.name, file)? {
                SidecarState::Valid(sidecar) => valid.push((place(dir, entry)?, sidecar)),
                SidecarState::Later(error) => later = Some(error),
                SidecarState::Damaged(error) => damaged = Some(error),
                SidecarState::Absent => return Ok(()),
            }
            files.sidecars.push(place(dir, entry)?);
            Ok(())
        };
        // What one entry does not say may be that it is on hold.
        self.each(&CancelFlag::new(), SweepMode::DryRun, |dir, entry| {
            if let Err(error) = look(dir, entry) {
                failure = Some(error);
            }
            Ok(false)
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        if files.media.is_empty() {
            self.remove_files(&files)?;
            return Ok(None);
        }
        let said = match (later, damaged) {
            (Some(error), _) => Said::Later(error),
            (None, _) if !valid.is_empty() => Said::Valid(valid),
            (None, Some(error)) => Said::Damaged(error),
            (None, None) => Said::Nothing,
        };
        Ok(Some(Item { said, files }))
    }

    /// Returns the names of all media that is here, or whose sidecar is.
    pub(crate) fn names(&self) -> io::Result<HashSet<String>> {
        let mut names = HashSet::new();
        self.each(&CancelFlag::new(), SweepMode::DryRun, |_, entry| {
            names.extend(entry.file().map(|file| file.as_str().to_owned()));
            Ok(false)
        })?;
        Ok(names)
    }

    /// Removes the files of an item and makes that durable: the media first, since whose it is would be unknown
    /// without its sidecars.
    pub(crate) fn remove_files(&self, files: &Files) -> io::Result<()> {
        for places in [&files.media, &files.sidecars] {
            for place in places {
                remove_file(&place.dir, &place.name)?;
            }
            for place in places {
                self.settle(&place.dir)?;
            }
        }
        let all = files.media.iter().chain(&files.sidecars);
        for day in all.filter_map(|place| place.day) {
            self.remove_empty(day);
        }
        Ok(())
    }
}

fn place(dir: &Dir, entry: &Entry) -> io::Result<Place> {
    Ok(Place {
        dir: dir.try_clone()?,
        name: entry.name.clone(),
        day: entry.day,
    })
}
