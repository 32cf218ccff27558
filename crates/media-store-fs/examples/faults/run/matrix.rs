//! Which errors each system call is made to give, and what the store must make of them.

use media_storage::StorageErrorKind as Kind;

/// An error at a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Injection {
    pub(crate) call: &'static str,
    /// In strace's words.
    pub(crate) action: &'static str,
    /// What a failure may be; empty where the store must succeed.
    pub(crate) kinds: &'static [Kind],
}

const DISK: &[Kind] = &[Kind::DiskSpace];
const LATER: &[Kind] = &[Kind::Unavailable];
const DENIED: &[Kind] = &[Kind::Permission];
const SETUP: &[Kind] = &[Kind::Config];
/// The fault must not show.
const NONE: &[Kind] = &[];

const fn at(call: &'static str, action: &'static str, kinds: &'static [Kind]) -> Injection {
    Injection {
        call,
        action,
        kinds,
    }
}

/// The first of each call is what the short run takes.
pub(crate) const INJECTIONS: &[Injection] = &[
    at("write", "error=ENOSPC", DISK),
    at("write", "retval=0", DISK),
    at("write", "error=EINTR", NONE),
    at("write", "error=EDQUOT", DISK),
    at("write", "error=EFBIG", DISK),
    at("write", "error=EIO", LATER),
    at("fsync", "error=EIO", LATER),
    at("fsync", "error=ENOSPC", DISK),
    at("fsync", "error=EDQUOT", DISK),
    at("fdatasync", "error=EIO", LATER),
    at("linkat", "error=EIO", NONE),
    at("linkat", "error=EPERM", NONE),
    at("linkat", "error=EMLINK", NONE),
    at("linkat", "error=EOPNOTSUPP", NONE),
    at("linkat", "error=ENOSPC", DISK),
    at("linkat", "error=EDQUOT", DISK),
    at("linkat", "error=EXDEV", NONE),
    at("linkat", "error=EACCES", NONE),
    at("linkat", "error=ENOSYS", NONE),
    at("unlinkat", "error=EIO", LATER),
    at("unlinkat", "error=EPERM", DENIED),
    at("unlinkat", "error=EROFS", DENIED),
    at("unlinkat", "error=EBUSY", LATER),
    at("renameat", "error=EIO", LATER),
    at("renameat", "error=ENOSPC", DISK),
    at("renameat2", "error=EIO", LATER),
    at("mkdirat", "error=ENOSPC", DISK),
    at("mkdirat", "error=EIO", LATER),
    at("mkdirat", "error=EDQUOT", DISK),
    at("mkdirat", "error=EACCES", DENIED),
    at("openat", "error=EMFILE", LATER),
    at("openat", "error=ENFILE", LATER),
    at("openat", "error=EIO", LATER),
    at("openat", "error=ENOSPC", DISK),
    at("openat", "error=EACCES", DENIED),
    at("openat", "error=EINTR", LATER),
    at("openat2", "error=EMFILE", LATER),
    at("openat2", "error=EIO", LATER),
    at("openat2", "error=ENOSYS", NONE),
    at("openat2", "error=EACCES", DENIED),
    at("flock", "error=ENOLCK", SETUP),
    at("flock", "error=EINTR", LATER),
    at("flock", "error=EIO", LATER),
    at("flock", "error=ENOSYS", SETUP),
    at("read", "error=EIO", LATER),
    at("read", "error=EINTR", NONE),
    at("pread64", "error=EIO", LATER),
    at("getdents64", "error=EIO", LATER),
    at("statx", "error=EIO", LATER),
    at("statx", "error=ENOMEM", LATER),
    at("fstat", "error=EIO", LATER),
    at("newfstatat", "error=EIO", LATER),
    at("fchmod", "error=EPERM", DENIED),
    at("utimensat", "error=EPERM", NONE),
];
