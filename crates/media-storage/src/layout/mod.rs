//! Names and keys of media in a store. Nothing here does I/O.
//!
//! ```
//! use media_storage::layout::{CaseRule, encode_segment};
//! assert_eq!(encode_segment("session-1", CaseRule::Sensitive), "session-1");
//! assert_eq!(encode_segment("../etc", CaseRule::Sensitive), "%2E.%2Fetc");
//! ```

mod base32;
mod file_name;
mod organization;
mod segment;
#[cfg(test)]
mod tests;

pub use file_name::{FileName, MediaToken, media_key, parse_media_key};
pub use organization::Organization;
pub use segment::{CaseRule, decode_segment, encode_segment};
