//! Incoming bytes: decoded, hashed, counted and written, piece by piece.

use std::fs::File;
use std::io::{self, Write as _};

use bytes::Bytes;
use media_storage::backend::{Digest, check_size, invalid_base64};
use media_storage::{Operation, Sha256Hasher, StorageError};
use media_types::base64;

use crate::error::io_error;
use crate::sys;

/// Number of bytes that are decoded, hashed and written at a time.
pub(crate) const PIECE: usize = 192 * 1024;

/// Text up to this size is decoded once and kept; larger text is decoded each time it is read.
const HELD: usize = 1536 * 1024;

/// Number of characters that are decoded before they are hashed.
const NEAR: usize = 32 * 1024;

/// A body in memory, which can be read more than once.
#[derive(Clone, Debug)]
pub(crate) enum Whole {
    Bytes(Bytes),
    Base64(Bytes),
}

impl Whole {
    /// Returns the size of the bytes as far as a limit needs it. Text is measured only if it may
    /// exceed the limit.
    pub(crate) fn len_against(&self, limit: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Base64(text) if text.len() as u64 <= limit => 0,
            Self::Base64(text) => base64::decoded_len(text),
        }
    }

    /// Passes the decoded bytes to a function, in pieces.
    pub(crate) fn pieces(
        &self,
        mut each: impl FnMut(&[u8]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        match self {
            Self::Bytes(bytes) => bytes.chunks(PIECE).try_for_each(each),
            Self::Base64(text) => {
                let (mut decoder, mut buffer) = (base64::Decoder::new(), Vec::new());
                for piece in text.chunks(PIECE / 3 * 4) {
                    let len = decoder
                        .push_into(piece, &mut buffer)
                        .map_err(invalid_base64)?;
                    each(buffer.get(..len).unwrap_or_default())?;
                }
                buffer.clear();
                decoder.finish(&mut buffer).map_err(invalid_base64)?;
                if buffer.is_empty() {
                    return Ok(());
                }
                each(&buffer)
            }
        }
    }

    /// Returns hash and size, without writing anything. Small text is decoded for good, because it is
    /// about to be read again.
    pub(crate) fn digest(self, limit: u64) -> Result<(Self, Digest), StorageError> {
        let mut hasher = Sha256Hasher::new();
        let text = match self {
            Self::Base64(text) if text.len() <= HELD => text,
            whole => {
                whole.pieces(|piece| {
                    hasher.update(piece);
                    check_size(hasher.len(), limit)
                })?;
                return Ok((whole, Digest::of(hasher)));
            }
        };
        let mut decoder = base64::Decoder::new();
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 8);
        // Each piece is hashed while it is in the cache of the processor.
        for piece in text.chunks(NEAR) {
            let old = bytes.len();
            decoder.push(piece, &mut bytes).map_err(invalid_base64)?;
            hasher.update(bytes.get(old..).unwrap_or_default());
        }
        let old = bytes.len();
        decoder.finish(&mut bytes).map_err(invalid_base64)?;
        hasher.update(bytes.get(old..).unwrap_or_default());
        check_size(hasher.len(), limit)?;
        Ok((Self::Bytes(bytes.into()), Digest::of(hasher)))
    }
}

/// Frees space on a full disk. Returns whether another attempt may succeed; at most once.
pub(crate) trait Relief {
    fn relieve(&mut self) -> bool;
}

/// Writes all bytes, and asks for relief if the disk is full.
pub(crate) fn write_all(
    mut file: &File,
    mut bytes: &[u8],
    relief: &mut dyn Relief,
) -> Result<(), StorageError> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io_error(Operation::Store, io::ErrorKind::WriteZero.into())),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                if !sys::is_full(&error) || !relief.relieve() {
                    return Err(io_error(Operation::Store, error));
                }
            }
        }
    }
    Ok(())
}
