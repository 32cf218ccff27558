//! Removing from the quarantine, and counting what is there.

use std::collections::HashSet;
use std::io;

use cap_std::fs::Dir;
use media_storage::backend::CancelFlag;
use media_storage::layout::FileName;

use super::days::Quarantine;
use super::entry::Entry;
use super::survey::Survey;
use crate::delete_file::remove_file;
use crate::staging::SweepMode;
use crate::sys;

/// Quarantined media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quarantined {
    /// Number of media items.
    pub(crate) media: u64,
    /// Bytes of the media.
    pub(crate) bytes: u64,
    /// Number of media items that stayed because they are on hold.
    pub(crate) held: u64,
    /// Number of entries that could not be read, decided on, or removed.
    pub(crate) failed: u64,
}

impl Quarantine {
    /// Counts the entries that are chosen.
    pub(crate) fn count(
        &self,
        cancelled: &CancelFlag,
        choose: impl FnMut(&Entry) -> bool,
    ) -> io::Result<Quarantined> {
        self.remove(cancelled, &Survey::default(), SweepMode::DryRun, choose)
    }

    /// Removes the entries that are chosen, except those on hold. What may be on hold stays and fails.
    ///
    /// All media goes before the first sidecar, and what cannot be removed keeps its own: whose media is would be
    /// unknown without it, whenever the process dies.
    pub(crate) fn remove(
        &self,
        cancelled: &CancelFlag,
        survey: &Survey,
        mode: SweepMode,
        mut choose: impl FnMut(&Entry) -> bool,
    ) -> io::Result<Quarantined> {
        let (mut found, mut undecided, mut stays) = (Quarantined::default(), 0, HashSet::new());
        let mut failed = 0;
        for sidecars in [false, true] {
            failed += self.each(cancelled, mode, |dir, entry| {
                if entry.is_sidecar() != sidecars || !choose(entry) {
                    return Ok(false);
                }
                if survey.holds(entry) {
                    found.held += u64::from(entry.is_media());
                    return Ok(false);
                }
                if survey.leaves_open(entry) {
                    undecided += u64::from(entry.is_media());
                    return Ok(false);
                }
                let name = entry.file().map(FileName::as_str);
                if sidecars && name.is_some_and(|name| stays.contains(name)) {
                    return Ok(false);
                }
                match remove_entry(dir, entry, mode) {
                    Ok(Some(bytes)) => {
                        found.media += u64::from(entry.is_media());
                        found.bytes += bytes;
                        Ok(mode == SweepMode::Remove)
                    }
                    Ok(None) => Ok(false),
                    Err(error) => {
                        stays.extend(name.map(str::to_owned));
                        Err(error)
                    }
                }
            })?;
        }
        found.failed = failed + undecided;
        Ok(found)
    }
}

/// Removes an entry, if the mode is to remove. Returns the bytes of media, or `None` if the entry is gone.
fn remove_entry(dir: &Dir, entry: &Entry, mode: SweepMode) -> io::Result<Option<u64>> {
    let stat = match sys::stat(dir, &entry.name) {
        Err(error) if sys::is_not_found(&error) => return Ok(None),
        other => other?,
    };
    if mode == SweepMode::Remove && !remove_file(dir, &entry.name)? {
        return Ok(None);
    }
    Ok(Some(if entry.is_media() { stat.len } else { 0 }))
}
