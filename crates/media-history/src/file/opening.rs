//! The journal of a run: beside its file, or beside its result where nothing can be created beside the file.

use std::io;
use std::path::{Path, PathBuf};

use crate::journal::{Journal, Listed};

use super::names::beside;
use super::recover::{Recovery, recover};

/// Which file a journal lies beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Source,
    /// It has another name than the journal of a run over the result itself, which says how that is to be
    /// recovered.
    Output,
}

impl Place {
    fn journal(self, path: &Path) -> PathBuf {
        match self {
            Self::Source => beside(path, ".media-journal"),
            Self::Output => beside(path, ".media-out-journal"),
        }
    }

    pub(super) fn has_journal(self, path: &Path) -> bool {
        self.journal(path).exists()
    }
}

/// A journal that a run has.
pub(super) struct Opened {
    pub(super) place: Place,
    pub(super) journal: Journal,
    pub(super) listed: Listed,
    pub(super) recovery: Recovery,
}

/// Opens the journal of a file and ends what an earlier run left half done. `None` when another run has it.
pub(super) fn open(path: &Path, output: Option<&Path>) -> io::Result<Option<Opened>> {
    let own = Place::Source.journal(path);
    let opened = match (Journal::open(own.clone()), output) {
        // A journal that is there says that the file may be half replaced, whether or not it can be opened.
        (Err(error), Some(output)) if is_read_only(&error) && is_missing(&own) => {
            return open_beside_output(output);
        }
        (opened, _) => opened?,
    };
    let Some((journal, listed)) = opened else {
        return Ok(None);
    };
    Ok(Some(Opened {
        place: Place::Source,
        recovery: recover(path, listed.swap, &journal)?,
        journal,
        listed,
    }))
}

/// Opens the journal beside a result. Nothing of the file was replaced, so nothing of it can be half done.
pub(super) fn open_beside_output(output: &Path) -> io::Result<Option<Opened>> {
    let opened = Journal::open(Place::Output.journal(output))?;
    Ok(opened.map(|(journal, listed)| Opened {
        place: Place::Output,
        recovery: Recovery::Done,
        journal,
        listed,
    }))
}

/// Whether a path is known to lead nowhere.
pub(super) fn is_missing(path: &Path) -> bool {
    let found = std::fs::symlink_metadata(path);
    found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Whether nothing can be created where a file is.
fn is_read_only(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}
