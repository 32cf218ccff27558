//! What the sidecars of the quarantine say about all that is there.

use std::collections::HashMap;
use std::io;

use media_storage::Sidecar;
use media_storage::backend::CancelFlag;

use super::days::Quarantine;
use super::entry::{Entry, Kind};
use crate::sidecar_file::{SidecarState, read_sidecar};
use crate::staging::SweepMode;

/// What is known about quarantined media from its sidecars.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    names: HashMap<String, Known>,
}

/// What is known about the media of one name.
#[derive(Debug, Default)]
struct Known {
    has_media: bool,
    /// A sidecar was chosen.
    chosen: bool,
    /// A sidecar was not chosen.
    spared: bool,
    held: bool,
    /// It may be on hold: a sidecar is of a later version, or cannot be read at this moment.
    undecided: bool,
}

impl Survey {
    fn of(&self, entry: &Entry) -> Option<&Known> {
        self.names.get(entry.file()?.as_str())
    }

    /// Whether every readable sidecar was chosen, and there is one.
    pub(crate) fn chooses(&self, entry: &Entry) -> bool {
        self.of(entry)
            .is_some_and(|known| known.chosen && !known.spared)
    }

    /// Whether there is a readable sidecar, and others do not contradict it.
    pub(crate) fn is_known(&self, entry: &Entry) -> bool {
        self.of(entry)
            .is_some_and(|known| known.chosen != known.spared)
    }

    /// Whether the entry is a sidecar without media.
    pub(crate) fn is_alone(&self, entry: &Entry) -> bool {
        entry.is_sidecar() && self.of(entry).is_some_and(|known| !known.has_media)
    }

    /// Whether the media may be on hold.
    pub(super) fn leaves_open(&self, entry: &Entry) -> bool {
        self.of(entry)
            .is_some_and(|known| known.undecided && known.has_media)
    }

    /// Whether the media is on hold. A sidecar without media holds nothing.
    pub(super) fn holds(&self, entry: &Entry) -> bool {
        self.of(entry)
            .is_some_and(|known| known.held && known.has_media)
    }
}

impl Quarantine {
    /// Reads all sidecars and chooses among them.
    pub(crate) fn survey(
        &self,
        cancelled: &CancelFlag,
        mut choose: impl FnMut(&Sidecar) -> bool,
    ) -> io::Result<Survey> {
        let mut survey = Survey::default();
        self.each(cancelled, SweepMode::DryRun, |dir, entry| {
            let Some(file) = entry.file() else {
                return Ok(false);
            };
            let known = survey.names.entry(file.as_str().to_owned()).or_default();
            if entry.is_media() {
                known.has_media = true;
            }
            let Kind::Sidecar(file) = &entry.kind else {
                return Ok(false);
            };
            match read_sidecar(dir, &entry.name, file) {
                Ok(SidecarState::Valid(sidecar)) => {
                    known.held |= sidecar.hold;
                    match choose(&sidecar) {
                        true => known.chosen = true,
                        false => known.spared = true,
                    }
                }
                Ok(SidecarState::Absent | SidecarState::Damaged(_)) => {}
                Ok(SidecarState::Later(_)) | Err(_) => known.undecided = true,
            }
            Ok(false)
        })?;
        Ok(survey)
    }
}
