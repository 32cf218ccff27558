//! The hash record, and the nonces in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value of 128 bits that is used once: it names a generation, or makes one version of a record
/// differ from all others. Written as 32 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nonce(u128);

impl Nonce {
    /// Creates a nonce of this value, which must come from a source that never repeats itself.
    pub const fn new(value: u128) -> Self {
        Self(value)
    }

    /// Returns the value.
    pub fn value(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({self})")
    }
}

impl FromStr for Nonce {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, RecordError> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(RecordError::new(
                "a nonce is not 32 lowercase hexadecimal digits",
            ));
        }
        u128::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| RecordError::new("a nonce is not a number of 128 bits"))
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// State of the generation that a record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordState {
    /// References may share the generation.
    Live,
    /// A collector found no marker; a writer must revive the generation before sharing it.
    #[serde(rename = "cond")]
    Condemned,
    /// The generation must never be shared again; its bytes are removed.
    Dead,
}

/// The hash record: `{"v":1,"state":"live","gen":"..","size":..,"nonce":".."}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// State of the generation.
    pub state: RecordState,
    /// Name of the generation.
    pub generation: Nonce,
    /// Size of the bytes.
    pub size: u64,
    /// Differs from the nonce of any other version of any record.
    pub nonce: Nonce,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    v: u32,
    state: RecordState,
    #[serde(rename = "gen")]
    generation: Nonce,
    size: u64,
    nonce: Nonce,
}

/// Version of the format that is written.
const VERSION: u32 = 1;

/// Maximum length of a record, in bytes. Records have about 150 bytes.
const MAX_LEN: usize = 4096;

impl Record {
    /// Returns this record in another state, with a nonce of its own.
    #[must_use]
    pub(super) fn with_state(&self, state: RecordState, nonce: Nonce) -> Self {
        Self {
            state,
            nonce,
            ..self.clone()
        }
    }

    /// Parses a record.
    ///
    /// # Errors
    /// Returns an error for anything but a record of version 1.
    pub fn from_json(json: &[u8]) -> Result<Self, RecordError> {
        if json.len() > MAX_LEN {
            return Err(RecordError::new("the record is longer than 4096 bytes"));
        }
        let wire: Wire = serde_json::from_slice(json).map_err(|error| RecordError {
            reason: "the record is not valid JSON",
            source: Some(error),
        })?;
        if wire.v != VERSION {
            return Err(RecordError::new("the record has an unsupported version"));
        }
        Ok(Self {
            state: wire.state,
            generation: wire.generation,
            size: wire.size,
            nonce: wire.nonce,
        })
    }

    /// Serializes the record.
    pub fn to_json(&self) -> Vec<u8> {
        let wire = Wire {
            v: VERSION,
            state: self.state,
            generation: self.generation,
            size: self.size,
            nonce: self.nonce,
        };
        // Serializing this type cannot fail.
        serde_json::to_vec(&wire).unwrap_or_default()
    }
}

/// Error returned when a record or a nonce cannot be parsed.
#[derive(Debug)]
pub struct RecordError {
    reason: &'static str,
    source: Option<serde_json::Error>,
}

impl RecordError {
    fn new(reason: &'static str) -> Self {
        Self {
            reason,
            source: None,
        }
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Record {
        Record {
            state: RecordState::Condemned,
            generation: Nonce::new(0xab),
            size: 1_048_576,
            nonce: Nonce::new(u128::MAX),
        }
    }

    #[test]
    fn the_format_is_the_documented_one() {
        let json = r#"{"v":1,"state":"cond","gen":"000000000000000000000000000000ab","size":1048576,"nonce":"ffffffffffffffffffffffffffffffff"}"#;
        assert_eq!(sample().to_json(), json.as_bytes());
        assert_eq!(Record::from_json(json.as_bytes()).unwrap(), sample());
    }

    #[test]
    fn anything_else_is_an_error() {
        let json = String::from_utf8(sample().to_json()).unwrap();
        for bad in [
            json.replace("\"v\":1", "\"v\":2"),
            json.replace("cond", "live "),
            json.replace("000ab", "000AB"),
            json.replace("000ab", "00ab"),
            json.replace("1048576", "-1"),
            json.replace("{", "{\"pad\":\"")
                .replace("\"v\"", &" ".repeat(5000)),
            String::new(),
        ] {
            assert!(Record::from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Record::from_json(&bytes);
        }

        #[test]
        fn nonces_round_trip(value: u128) {
            let nonce = Nonce::new(value);
            prop_assert_eq!(nonce.to_string().parse::<Nonce>().unwrap(), nonce);
        }
    }
}
