//! Gets the JSON of a pack from a file or from bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use crate::error::{Operation, PackError, PackErrorKind, PackLocation};

/// The largest size of a pack: 4 MiB.
pub const MAX_PACK_BYTES: usize = 4 * 1024 * 1024;

/// Reads a file.
///
/// # Errors
/// `Unreadable` and `TooLarge`.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, PackError> {
    let unreadable = |error: io::Error| {
        PackError::new(
            PackErrorKind::Unreadable,
            Operation::Read,
            "cannot read file",
        )
        .with_source(error)
    };
    // Before opening, because opening a pipe without a writer waits for one.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(PackError::new(
            PackErrorKind::Unreadable,
            Operation::Read,
            "not a regular file",
        ));
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_PACK_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    check_size(&bytes)?;
    Ok(bytes)
}

/// Parses JSON in UTF-8, with or without a byte order mark.
///
/// # Errors
/// `TooLarge` and `InvalidJson`.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, PackError> {
    check_size(bytes)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(text).map_err(|error| {
        let location = PackLocation::Position {
            line: error.line(),
            column: error.column(),
        };
        PackError::new(PackErrorKind::InvalidJson, Operation::Read, "invalid JSON")
            .at(location)
            .with_source(error)
    })
}

fn check_size(bytes: &[u8]) -> Result<(), PackError> {
    if bytes.len() <= MAX_PACK_BYTES {
        return Ok(());
    }
    let limit = MAX_PACK_BYTES / 1024 / 1024;
    Err(PackError::new(
        PackErrorKind::TooLarge,
        Operation::Read,
        format!("the pack is larger than {limit} MiB"),
    ))
}
