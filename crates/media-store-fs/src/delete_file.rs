//! Removing a file that may not exist.

use std::io;

use cap_std::fs::Dir;

use crate::sys;

/// Removes a file. Returns whether it existed.
pub(crate) fn remove_file(dir: &Dir, name: &str) -> io::Result<bool> {
    match dir.remove_file(name) {
        Ok(()) => Ok(true),
        Err(error) if sys::is_not_found(&error) => Ok(false),
        Err(error) => Err(error),
    }
}
