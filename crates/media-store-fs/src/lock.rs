//! Locks between processes.

use std::fs::File;
use std::io;

use cap_std::fs::Dir;

use crate::options::FilePermissions;
use crate::sys::{self, Creation};

const LOCK: &str = "metadata.lock";

/// Keeps a deletion from acting on a sidecar that is being changed.
///
/// Without it, media could be deleted after a hold on it was acknowledged. Changes take the lock
/// alone; deletions share it. Dropping the file releases the lock.
pub(crate) fn share(own: &Dir, permissions: FilePermissions) -> io::Result<Option<File>> {
    match open(own, permissions) {
        Ok(lock) => {
            lock.lock_shared()?;
            Ok(Some(lock))
        }
        // The internal files were removed by hand, or belong to another user: then nothing changes
        // metadata either.
        Err(error) if sys::is_absence(&error) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(error),
    }
}

/// Takes the lock alone.
pub(crate) fn take(own: &Dir, permissions: FilePermissions) -> io::Result<File> {
    let lock = open(own, permissions)?;
    lock.lock()?;
    Ok(lock)
}

fn open(own: &Dir, permissions: FilePermissions) -> io::Result<File> {
    sys::open_lock(own, LOCK, Creation::IfMissing, permissions.sidecar_mode())
}

const SWEEP: &str = "sweep.lock";

/// Takes the lock of the process that sweeps. Returns `None` if another process holds it.
pub(crate) fn try_sweep(own: &Dir, permissions: FilePermissions) -> io::Result<Option<File>> {
    let lock = sys::open_lock(own, SWEEP, Creation::IfMissing, permissions.sidecar_mode())?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
    }
}
