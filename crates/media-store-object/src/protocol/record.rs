//! The record of a hash.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value of 128 bits that is used once: the name of a generation, or what makes one version of a
/// record unlike all others. Written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(u128);

impl Token {
    /// A token of this value; it must come from a source that never repeats itself.
    pub fn new(value: u128) -> Self {
        Self(value)
    }

    /// The value.
    pub fn value(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

impl FromStr for Token {
    type Err = RecordError;

    fn from_str(text: &str) -> Result<Self, RecordError> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(RecordError::new("not 32 lower-case hexadecimal digits"));
        }
        u128::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| RecordError::new("not a number of 128 bits"))
    }
}

impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What may be done with the generation that a record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordState {
    /// References may share it.
    Live,
    /// A collector saw no marker; who wants to share it must revive it first.
    #[serde(rename = "cond")]
    Condemned,
    /// Nothing may share it ever again; its bytes go.
    Dead,
}

/// The record of a hash: `{"v":1,"state":"live","gen":"..","size":..,"nonce":".."}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// What may be done with the generation.
    pub state: RecordState,
    /// The generation.
    pub generation: Token,
    /// Size of the bytes.
    pub size: u64,
    /// Unlike that of any other version of any record.
    pub nonce: Token,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    v: u32,
    state: RecordState,
    #[serde(rename = "gen")]
    generation: Token,
    size: u64,
    nonce: Token,
}

/// Version of the form that is written.
const VERSION: u32 = 1;

/// A record is about 150 bytes; what is much longer is none.
const MAX_LEN: usize = 4096;

impl Record {
    /// The same record in another state, as a version of its own.
    #[must_use]
    pub(super) fn turned(&self, state: RecordState, nonce: Token) -> Self {
        Self {
            state,
            nonce,
            ..self.clone()
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Anything but a record of version 1.
    pub fn from_json(json: &[u8]) -> Result<Self, RecordError> {
        if json.len() > MAX_LEN {
            return Err(RecordError::new("longer than 4096 bytes"));
        }
        let wire: Wire = serde_json::from_slice(json).map_err(|error| RecordError {
            reason: "not the JSON of a record",
            source: Some(error),
        })?;
        if wire.v != VERSION {
            return Err(RecordError::new("of a version that is not known here"));
        }
        Ok(Self {
            state: wire.state,
            generation: wire.generation,
            size: wire.size,
            nonce: wire.nonce,
        })
    }

    /// Writes the record.
    pub fn to_json(&self) -> Vec<u8> {
        let wire = Wire {
            v: VERSION,
            state: self.state,
            generation: self.generation,
            size: self.size,
            nonce: self.nonce,
        };
        // Neither keys nor values of this type can fail to serialize.
        serde_json::to_vec(&wire).unwrap_or_default()
    }
}

/// Bytes that are no record.
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
        write!(f, "the record is {}", self.reason)
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
            generation: Token::new(0xab),
            size: 1_048_576,
            nonce: Token::new(u128::MAX),
        }
    }

    #[test]
    fn the_form_is_the_documented_one() {
        let json = r#"{"v":1,"state":"cond","gen":"000000000000000000000000000000ab","size":1048576,"nonce":"ffffffffffffffffffffffffffffffff"}"#;
        assert_eq!(sample().to_json(), json.as_bytes());
        assert_eq!(Record::from_json(json.as_bytes()).unwrap(), sample());
    }

    #[test]
    fn anything_else_is_refused() {
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
        fn tokens_round_trip(value: u128) {
            let token = Token::new(value);
            prop_assert_eq!(token.to_string().parse::<Token>().unwrap(), token);
        }
    }
}
