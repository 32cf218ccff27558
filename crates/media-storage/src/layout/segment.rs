//! Directory names for ids.

use super::base32::crockford;
use crate::hash::Sha256Hasher;

/// Whether names that differ only in case are different names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CaseRule {
    /// They are different, and upper case is used unchanged.
    #[default]
    Sensitive,
    /// They are the same, and upper case is encoded.
    Folding,
}

/// Largest size of a directory name, in bytes.
pub(super) const MAX_SEGMENT: usize = 120;

/// Returns the directory name for an id.
///
/// An id of letters, digits, `.`, `_` and `-` that is safe on all systems is used unchanged. Any
/// other is percent-encoded, and replaced by `~` and a hash if the result is too long. Different ids
/// never share a name, and no name is `.`, `..`, hidden, or that of a device.
///
/// ```
/// use media_storage::layout::{CaseRule, encode_segment};
/// assert_eq!(encode_segment("session-1", CaseRule::Sensitive), "session-1");
/// assert_eq!(encode_segment("../etc", CaseRule::Sensitive), "%2E.%2Fetc");
/// ```
pub fn encode_segment(id: &str, case: CaseRule) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let is_safe = |b: u8| {
        b.is_ascii_lowercase()
            || b.is_ascii_digit()
            || matches!(b, b'.' | b'_' | b'-')
            || case == CaseRule::Sensitive && b.is_ascii_uppercase()
    };
    let device = is_device(id);
    let last = id.len().saturating_sub(1);
    let mut name = String::with_capacity(id.len());
    for (at, byte) in id.bytes().enumerate() {
        let exposed = byte == b'.' && (at == 0 || at == last) || device && at == 0;
        if is_safe(byte) && !exposed {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name.push(char::from(HEX[usize::from(byte >> 4)]));
            name.push(char::from(HEX[usize::from(byte & 15)]));
        }
        if name.len() > MAX_SEGMENT {
            let hash = Sha256Hasher::digest(id.as_bytes());
            return format!("~{}", crockford(hash.as_bytes()));
        }
    }
    name
}

/// Returns the id that [`encode_segment`] encoded. Returns `None` for a name that it does not write,
/// and for one that is a hash.
///
/// ```
/// use media_storage::layout::decode_segment;
/// assert_eq!(decode_segment("%2E.%2Fetc").as_deref(), Some("../etc"));
/// assert_eq!(decode_segment("~abc"), None);
/// ```
pub fn decode_segment(name: &str) -> Option<String> {
    let nibble = |b: Option<u8>| match b? {
        b @ b'0'..=b'9' => Some(b - b'0'),
        b @ b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    };
    let mut id = Vec::with_capacity(name.len());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => id.push(nibble(bytes.next())? << 4 | nibble(bytes.next())?),
            b if b.is_ascii_alphanumeric() || b"._-".contains(&b) => id.push(b),
            _ => return None,
        }
    }
    String::from_utf8(id).ok().filter(|id| !id.is_empty())
}

/// Whether a name is that of a Windows device, with or without an extension.
pub(super) fn is_device(id: &str) -> bool {
    let stem = id.split('.').next().unwrap_or_default();
    let upper = stem.to_ascii_uppercase();
    match upper.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => upper
            .strip_prefix("COM")
            .or_else(|| upper.strip_prefix("LPT"))
            .is_some_and(|digit| digit.len() == 1 && digit.bytes().all(|b| b.is_ascii_digit())),
    }
}
