//! Gets the JSON of a pack from a file or from bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use crate::error::{Operation, PackError, PackErrorKind, PackLocation};
use crate::fault::Fault;

/// The largest size of a pack: 4 MiB.
pub const MAX_PACK_BYTES: usize = 4 * 1024 * 1024;

/// Reads a file, of an oversized one not more than shows that.
///
/// # Errors
/// `Unreadable`.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, PackError> {
    let unreadable = |error: io::Error| {
        let fault = Fault::new("cannot read file").with_source(error);
        PackError::new(PackErrorKind::Unreadable, Operation::Read, fault)
    };
    // Before opening, because opening a pipe without a writer waits for one.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        let fault = Fault::new("not a regular file");
        return Err(PackError::new(
            PackErrorKind::Unreadable,
            Operation::Read,
            fault,
        ));
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_PACK_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// Parses JSON in UTF-8, with or without a byte order mark.
///
/// # Errors
/// `TooLarge` and `InvalidJson`.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, PackError> {
    if bytes.len() > MAX_PACK_BYTES {
        let limit = MAX_PACK_BYTES / 1024 / 1024;
        let fault = Fault::new(format!("the pack is larger than {limit} MiB"));
        return Err(PackError::new(
            PackErrorKind::TooLarge,
            Operation::Read,
            fault,
        ));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(text).map_err(|error| {
        let location = PackLocation::Position {
            line: error.line(),
            column: error.column(),
        };
        let fault = Fault::new("invalid JSON").with_source(error);
        PackError::new(PackErrorKind::InvalidJson, Operation::Read, fault).at(location)
    })
}
