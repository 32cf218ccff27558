//! Sidecars that lie where no media is.

use std::io;

use cap_std::fs::Dir;
use chrono::{DateTime, Utc};
use media_storage::layout::FileName;

use crate::shared::Shared;
use crate::sys;

/// Whether a sidecar is there at this moment, and its media is not. A directory that is read while its media is deleted
/// still names many sidecars that are gone.
pub(crate) fn is_alone(dir: &Dir, file: &FileName) -> io::Result<bool> {
    Ok(is_absent(dir, file.as_str())? && !is_absent(dir, &file.sidecar())?)
}

/// Whether the media of a sidecar does not exist, and nobody is about to publish it. The caller holds the lock of
/// metadata alone: a verification may be moving both to the quarantine.
pub(crate) fn is_orphan(shared: &Shared, dir: &Dir, file: &FileName) -> io::Result<bool> {
    // Whoever has nothing staged any more may have published in between.
    Ok(is_absent(dir, file.as_str())?
        && !shared.stagings.is_staged(file.id())?
        && is_absent(dir, file.as_str())?)
}

/// Brings a sidecar that a move to the quarantine has left at its place to its media, which it may hold. Returns
/// whether it was one. The caller holds the lock of metadata alone.
pub(crate) fn reunite(
    shared: &Shared,
    dir: &Dir,
    file: &FileName,
    now: DateTime<Utc>,
) -> io::Result<bool> {
    Ok(is_orphan(shared, dir, file)? && shared.quarantine.adopt(dir, file, now)?)
}

fn is_absent(dir: &Dir, name: &str) -> io::Result<bool> {
    match sys::stat(dir, name) {
        Ok(_) => Ok(false),
        Err(error) if sys::is_not_found(&error) => Ok(true),
        Err(error) => Err(error),
    }
}
