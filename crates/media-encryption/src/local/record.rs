//! Files with wrapped keys.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::provider::{KeyError, KeyErrorKind};

/// Latest version of the files.
const VERSION: u32 = 1;

/// Largest size of a file in bytes.
const MAX_LEN: u64 = 1024 * 1024;

/// A secret, wrapped by the master key with a fingerprint. All values are hexadecimal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Wrapped {
    pub(super) master_key: String,
    pub(super) secret: String,
}

/// The file about the directory itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Directory {
    pub(super) format_version: u32,
    /// The secret that turns owners into file names.
    pub(super) names: Wrapped,
}

/// The file of one owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OwnerFile {
    pub(super) format_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<Generation>,
    /// The generations whose keys were forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) forgotten: Vec<String>,
}

/// A key of an owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Generation {
    pub(super) generation: String,
    pub(super) key: Wrapped,
}

impl Directory {
    pub(super) fn new(names: Wrapped) -> Self {
        Self {
            format_version: VERSION,
            names,
        }
    }
}

impl OwnerFile {
    pub(super) fn new() -> Self {
        Self {
            format_version: VERSION,
            current: None,
            forgotten: Vec::new(),
        }
    }
}

/// What all files have.
#[derive(Deserialize)]
struct Versioned {
    format_version: u32,
}

/// Reads a file; `None` if it does not exist.
pub(super) fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, KeyError> {
    let mut text = Vec::new();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk_failure(error)),
    };
    file.take(MAX_LEN)
        .read_to_end(&mut text)
        .map_err(disk_failure)?;
    let damaged = |error| {
        KeyError::new(KeyErrorKind::Damaged, "a file of keys is damaged").with_source(error)
    };
    let versioned: Versioned = serde_json::from_slice(&text).map_err(damaged)?;
    if versioned.format_version > VERSION {
        return Err(KeyError::new(
            KeyErrorKind::Config,
            format!(
                "a file of keys has version {}, this build supports up to {VERSION}",
                versioned.format_version
            ),
        ));
    }
    serde_json::from_slice(&text).map(Some).map_err(damaged)
}

/// Replaces a file, so that after a crash the old one or the new one is there.
pub(super) fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), KeyError> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| {
        KeyError::new(KeyErrorKind::Damaged, "a file of keys cannot be written").with_source(error)
    })?;
    let written = || {
        let temporary = path.with_extension("new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&temporary)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        match path.parent() {
            Some(directory) if cfg!(unix) => File::open(directory)?.sync_all(),
            _ => Ok(()),
        }
    };
    written().map_err(disk_failure)
}

/// Returns the error for files of keys that cannot be used.
pub(super) fn disk_failure(error: io::Error) -> KeyError {
    let (kind, reason) = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
            KeyErrorKind::Permission,
            "the files of keys are not accessible",
        ),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            (KeyErrorKind::Config, "the directory of keys does not exist")
        }
        _ => (
            KeyErrorKind::Unavailable,
            "the files of keys cannot be read or written",
        ),
    };
    KeyError::new(kind, reason).with_source(error)
}

/// Returns bytes as hexadecimal digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the bytes of hexadecimal digits.
pub(super) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16);
    digits
        .chunks_exact(2)
        .map(|pair| Some((value(pair[0])? << 4 | value(pair[1])?) as u8))
        .collect()
}
