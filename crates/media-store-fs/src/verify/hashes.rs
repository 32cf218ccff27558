//! Hashes of files with several names, so that a blob is not read once per name.

use std::collections::HashMap;
use std::fs::File;
use std::io;

use media_storage::backend::Digest;
use media_types::Sha256;

use crate::blobs::hash;
use crate::sys::{self, Identity};

/// Number of files that are remembered.
const MAX_REMEMBERED: usize = 1 << 20;

/// The state of a file when it was hashed.
///
/// An inode number alone identifies nothing, since file systems reuse it as soon as a file is
/// deleted. The time of the last change of the inode is set when a file is created, written, linked
/// or unlinked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    identity: Identity,
    changed: (i64, i64),
    len: u64,
}

/// The hashes of files, by their state.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    known: HashMap<State, Sha256>,
}

/// The hash of an open file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashed {
    pub(super) sha256: Sha256,
    /// Number of bytes that were read.
    pub(super) read: u64,
    /// Whether this very file was read, rather than remembered.
    pub(super) is_certain: bool,
}

impl Hashes {
    /// Returns the hash of an open file, remembered if its state is that of a file that was read.
    pub(super) fn of(&mut self, file: &File) -> io::Result<Hashed> {
        let state = state(file)?;
        if let Some(sha256) = state.and_then(|state| self.known.get(&state)) {
            return Ok(Hashed {
                sha256: *sha256,
                read: 0,
                is_certain: false,
            });
        }
        self.read(file)
    }

    /// Reads an open file and returns its hash.
    pub(super) fn read(&mut self, mut file: &File) -> io::Result<Hashed> {
        io::Seek::rewind(&mut file)?;
        let before = state(file)?;
        let Digest { sha256, len, .. } = hash(file)?;
        let is_shared = sys::stat_file(file)?.links > 1;
        if let Some(state) = before.filter(|_| is_shared && self.known.len() < MAX_REMEMBERED) {
            self.known.insert(state, sha256);
        }
        Ok(Hashed {
            sha256,
            read: len,
            is_certain: true,
        })
    }
}

#[cfg(unix)]
fn state(file: &File) -> io::Result<Option<State>> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = file.metadata()?;
    Ok(Some(State {
        identity: sys::stat_file(file)?.identity,
        changed: (metadata.ctime(), metadata.ctime_nsec()),
        len: metadata.len(),
    }))
}

/// Without the time of the last change, every file is read.
#[cfg(not(unix))]
fn state(_: &File) -> io::Result<Option<State>> {
    Ok(None)
}
