//! What the versioned data files have in common.

use std::fmt;

/// A data file (prices, capabilities) that cannot be used.
#[derive(Debug)]
pub struct DataError(Cause);

#[derive(Debug)]
enum Cause {
    Json(serde_json::Error),
    Version(u32),
    Negative,
}

impl DataError {
    pub(super) fn negative() -> Self {
        Self(Cause::Negative)
    }
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Cause::Json(_) => f.write_str("the file has not its form"),
            Cause::Version(version) => write!(f, "format version {version} is not known here"),
            Cause::Negative => f.write_str("a price is below zero"),
        }
    }
}

impl std::error::Error for DataError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Cause::Json(error) => Some(error),
            _ => None,
        }
    }
}

impl From<serde_json::Error> for DataError {
    fn from(error: serde_json::Error) -> Self {
        Self(Cause::Json(error))
    }
}

pub(super) fn check_version(found: u32, known: u32) -> Result<(), DataError> {
    if found == known {
        Ok(())
    } else {
        Err(DataError(Cause::Version(found)))
    }
}

/// Whether text is `-YYYY-MM-DD`.
pub(super) fn is_date_suffix(text: &str) -> bool {
    text.len() == 11
        && text.bytes().enumerate().all(|(at, byte)| match at {
            0 | 5 | 8 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// Whether a pattern (a text, or a text with `*` as its last character) fits.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}
