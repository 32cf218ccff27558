//! Tombstones in place of sidecars.

use bytes::Bytes;

use crate::protocol::Nonce;

/// How the tombstone of a retired sidecar begins. A random number follows, so that no two are alike.
const RETIRED: &str = "retired ";

/// Length of the tombstone of a retired sidecar, in bytes.
const RETIRED_LEN: u64 = RETIRED.len() as u64 + 32;

/// A tombstone in place of a sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tombstone {
    /// That of a deletion: nothing may replace it.
    Buried,
    /// That of a sidecar whose marker was never sealed: an import may replace it.
    Retired,
}

impl Tombstone {
    /// Parses the content of an object; `None` if it is no tombstone.
    pub(crate) fn parse(content: &[u8]) -> Option<Self> {
        let retired = content.starts_with(RETIRED.as_bytes());
        Self::of_size(content.len() as u64).filter(|kind| *kind == Self::Buried || retired)
    }

    /// Returns the tombstone that an object of this size, in bytes, can be.
    pub(crate) fn of_size(size: u64) -> Option<Self> {
        match size {
            0 => Some(Self::Buried),
            RETIRED_LEN => Some(Self::Retired),
            _ => None,
        }
    }

    /// Returns the content of the tombstone of a retired sidecar.
    pub(crate) fn retired(nonce: Nonce) -> Bytes {
        Bytes::from(format!("{RETIRED}{nonce}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tombstones_are_parsed_back() {
        let retired = Tombstone::retired(Nonce::new(7));
        assert_eq!(Tombstone::parse(&retired), Some(Tombstone::Retired));
        assert_eq!(retired.len() as u64, RETIRED_LEN);
        assert_eq!(Tombstone::parse(b""), Some(Tombstone::Buried));
        assert_eq!(Tombstone::parse(b"{}"), None);
        assert_eq!(Tombstone::parse(&[b'x'; 40]), None);
    }
}
