//! Creating, hashing and comparing files of bytes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};

use media_storage::backend::Digest;
use media_storage::{Operation, Sha256Hasher, StorageError, StorageErrorKind};

use crate::error::{fail, io_error};
use crate::intake::{PIECE, Relief, Whole};
use crate::staging::Entry;
use crate::sys;

/// Creates a staged file, and asks for relief if the disk is full.
pub(crate) fn create(
    entry: &Entry,
    name: &str,
    mode: u32,
    relief: &mut dyn Relief,
) -> Result<File, StorageError> {
    loop {
        match sys::create_new(entry.dir(), name, mode) {
            Ok(file) => return Ok(file),
            Err(error) if sys::is_full(&error) && relief.relieve() => {}
            Err(error) => return Err(io_error(Operation::Store, error)),
        }
    }
}

/// Returns hash and size of a file, from its current position.
pub(crate) fn hash(mut file: &File) -> io::Result<Digest> {
    let mut hasher = Sha256Hasher::new();
    let mut buffer = vec![0; PIECE];
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => return Ok(Digest::of(hasher)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Whether a file contains exactly the bytes of a body.
pub(super) fn equals(mut file: &File, whole: &Whole) -> io::Result<bool> {
    let mut buffer = vec![0; PIECE + 3];
    let mut failure = None;
    let compared = whole.pieces(|piece| {
        let part = buffer.get_mut(..piece.len()).unwrap_or_default();
        match file.read_exact(part) {
            Ok(()) if part == piece => Ok(()),
            Ok(()) => Err(fail(StorageErrorKind::Corrupted, Operation::Store)),
            Err(error) => {
                let shown = io::Error::from(error.kind());
                failure = Some(error);
                Err(io_error(Operation::Store, shown))
            }
        }
    });
    match (compared, failure) {
        (Ok(()), _) => {
            let mut more = Vec::new();
            file.take(1).read_to_end(&mut more)?;
            Ok(more.is_empty())
        }
        (Err(_), Some(error)) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        (Err(_), _) => Ok(false),
    }
}

/// Copies a whole file.
pub(crate) fn copy_bytes(mut from: &File, mut to: &File) -> io::Result<()> {
    from.rewind()?;
    io::copy(&mut from, &mut to)?;
    to.flush()
}
