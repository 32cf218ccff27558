//! Removing from the quarantine, and counting what is there.

use std::io;

use media_storage::backend::CancelFlag;

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
    pub(crate) fn remove(
        &self,
        cancelled: &CancelFlag,
        survey: &Survey,
        mode: SweepMode,
        mut choose: impl FnMut(&Entry) -> bool,
    ) -> io::Result<Quarantined> {
        let (mut found, mut undecided) = (Quarantined::default(), 0);
        self.each(cancelled, mode, |dir, entry| {
            if !choose(entry) {
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
            let stat = sys::stat(dir, &entry.name)?;
            let removes = mode == SweepMode::Remove;
            if removes && !remove_file(dir, &entry.name)? {
                return Ok(false);
            }
            found.media += u64::from(entry.is_media());
            if entry.is_media() {
                found.bytes += stat.len;
            }
            Ok(removes)
        })
        .map(|failed| {
            found.failed = failed + undecided;
            found
        })
    }
}
