//! What errors of the operating system mean.

use std::io;

use media_storage::StorageErrorKind;

use super::platform;

/// Returns the kind of storage error that an I/O error stands for.
pub(crate) fn kind_of(error: &io::Error) -> StorageErrorKind {
    use io::ErrorKind as E;
    match error.kind() {
        E::NotFound => StorageErrorKind::NotFound,
        E::PermissionDenied | E::ReadOnlyFilesystem => StorageErrorKind::Permission,
        E::StorageFull | E::QuotaExceeded | E::FileTooLarge | E::WriteZero => {
            StorageErrorKind::DiskSpace
        }
        E::CrossesDevices | E::NotADirectory | E::Unsupported => StorageErrorKind::Config,
        E::Interrupted
        | E::WouldBlock
        | E::TimedOut
        | E::OutOfMemory
        | E::ResourceBusy
        | E::StaleNetworkFileHandle
        | E::NetworkDown
        | E::HostUnreachable => StorageErrorKind::Unavailable,
        _ => platform::kind_of_os_error(error),
    }
}

/// Whether the disk is full or a quota is used up.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// Whether a name does not exist.
pub(crate) fn is_not_found(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Whether nothing exists under a path: it is missing, or a file stands where a directory would be.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether an open directory no longer leads anywhere: it was removed, or the file server forgot it.
pub(crate) fn is_stale(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::StaleNetworkFileHandle
    )
}

/// Whether a hard link cannot be created here, so that bytes have to be copied instead.
///
/// File systems and file servers report this in many ways. An I/O error counts too: if the disk is
/// broken, the copy fails as well.
pub(crate) fn links_unavailable(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::Unsupported
            | io::ErrorKind::CrossesDevices
    ) || platform::is_link_failure(error)
}

/// Whether a file has as many names as the file system allows.
pub(crate) fn is_too_many_links(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TooManyLinks
}
