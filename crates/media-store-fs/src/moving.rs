//! Moving a file that was examined, and no other.

use std::io;

use cap_std::fs::Dir;
use media_storage::layout::MediaToken;

use crate::sys::{self, Identity};

/// Moves a file to the directory of a day, under a token. If another file was moved, because it took the name in the meantime, it is
/// moved back. Returns whether the examined file was moved.
pub(crate) fn move_examined(
    dir: &Dir,
    name: &str,
    day: &Dir,
    token: &MediaToken,
    examined: Identity,
) -> io::Result<bool> {
    // The examined file is open, so its inode number is not reused.
    match sys::stat(dir, name) {
        Ok(stat) if stat.identity == examined => {}
        Ok(_) => return Ok(false),
        Err(error) if sys::is_not_found(&error) => return Ok(false),
        Err(error) => return Err(error),
    }
    let new = format!("{token}-{name}");
    match sys::rename_new(dir, name, day, &new) {
        Ok(()) => {}
        Err(error) if sys::is_not_found(&error) => return Ok(false),
        Err(error) => return Err(error),
    }
    if sys::stat(day, &new)?.identity == examined {
        return Ok(true);
    }
    match sys::rename_new(day, &new, dir, name) {
        // A third file has the name. The one that was moved is a blob, whose bytes have other names.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => day.remove_file(&new)?,
        other => other?,
    }
    Ok(false)
}
