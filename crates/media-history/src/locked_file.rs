//! Files that one process at a time holds, also where the holder removes them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Opens a file for reading and writing, creates it if need be, and locks it as long as it is open. `None` when
/// another process holds it. The holder may remove the file: what was opened before that is not taken for the
/// file that has the path afterwards.
///
/// On Unix nobody but the owner may read a file that this creates. Blocks the thread on the file system, but
/// never on the lock.
///
/// # Errors
/// Those of the file system.
pub fn open_locked(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    loop {
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whoever had the lock may have removed the file since it was opened.
        if is_at(&file, path)? {
            return Ok(Some(file));
        }
    }
}

/// Whether the file that is open is the one that has the path now.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let own = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (own.dev(), own.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the file that is open is the one that has the path now: a file that is open stays there.
#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_lost_its_place_is_not_held() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let file = File::create(&path).unwrap();
        assert!(is_at(&file, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
        File::create(&path).unwrap();
        assert!(!is_at(&file, &path).unwrap());
    }
}
