//! Text that may hold halves of UTF-16 pairs.
//!
//! JSON can spell half of a pair (`"\ud83d"`), and models emit such halves: alone, or the two halves
//! of an emoji in two pieces of a stream. serde_json refuses them in strings; in bytes it hands them
//! over as WTF-8. Here a half without the other one becomes U+FFFD, and halves that meet become
//! their character.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

/// A string in which each half of a UTF-16 pair without the other half is U+FFFD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LossyString(pub(crate) String);

/// A string in WTF-8.
struct WideBytes(Vec<u8>);

struct WideVisitor;

impl Visitor<'_> for WideVisitor {
    type Value = WideBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<WideBytes, E> {
        Ok(WideBytes(text.as_bytes().to_vec()))
    }
    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<WideBytes, E> {
        Ok(WideBytes(bytes.to_vec()))
    }
}

impl<'de> Deserialize<'de> for WideBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(WideVisitor)
    }
}

impl<'de> Deserialize<'de> for LossyString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let WideBytes(bytes) = WideBytes::deserialize(deserializer)?;
        let mut joiner = TextJoiner::default();
        let mut text = joiner.push_bytes(&bytes);
        text.push_str(joiner.finish());
        Ok(Self(text))
    }
}

/// Joins text that arrives in pieces: a half of a UTF-16 pair at the end of a piece waits for the
/// other half.
#[derive(Debug, Default)]
pub(crate) struct TextJoiner {
    high: Option<u16>,
}

/// What stands in place of a half without the other one.
const REPLACEMENT: &str = "\u{fffd}";

impl TextJoiner {
    /// Adds a piece: a JSON string, as its text; returns what is certain now. `None` where it is
    /// not a string.
    pub(crate) fn push(&mut self, piece: &RawValue) -> Option<String> {
        let WideBytes(bytes) = serde_json::from_str(piece.get()).ok()?;
        Some(self.push_bytes(&bytes))
    }

    /// Returns the replacement of a half that waits still.
    pub(crate) fn finish(&mut self) -> &'static str {
        match self.high.take() {
            Some(_) => REPLACEMENT,
            None => "",
        }
    }

    fn push_bytes(&mut self, mut bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len());
        while !bytes.is_empty() {
            let valid = match std::str::from_utf8(bytes) {
                Ok(all) => all,
                Err(error) => {
                    let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                    std::str::from_utf8(valid).unwrap_or_default()
                }
            };
            if !valid.is_empty() {
                text.push_str(self.finish());
                text.push_str(valid);
            }
            bytes = bytes.get(valid.len()..).unwrap_or_default();
            bytes = match bytes {
                [0xed, b @ 0xa0..=0xbf, c, after @ ..] => {
                    let unit = 0xd000 | u16::from(b & 0x3f) << 6 | u16::from(c & 0x3f);
                    self.half(unit, &mut text);
                    after
                }
                [_, after @ ..] => {
                    text.push_str(self.finish());
                    text.push_str(REPLACEMENT);
                    after
                }
                [] => break,
            };
        }
        text
    }

    fn half(&mut self, unit: u16, text: &mut String) {
        match (self.high.take(), unit) {
            (Some(high), 0xdc00..) => {
                text.extend(char::decode_utf16([high, unit]).map(|c| c.unwrap_or('\u{fffd}')));
            }
            (before, high @ ..0xdc00) => {
                if before.is_some() {
                    text.push_str(REPLACEMENT);
                }
                self.high = Some(high);
            }
            (None, _) => text.push_str(REPLACEMENT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &[&str]) -> String {
        let mut joiner = TextJoiner::default();
        let mut text = String::new();
        for piece in pieces {
            let raw = RawValue::from_string((*piece).to_owned()).unwrap();
            text.push_str(&joiner.push(&raw).unwrap());
        }
        text + joiner.finish()
    }

    #[test]
    fn halves_that_meet_are_their_character() {
        assert_eq!(joined(&[r#""a\ud83d""#, r#""\ude00b""#]), "a\u{1f600}b");
        assert_eq!(
            joined(&[r#""\ud83d""#, r#""""#, r#""\ude00""#]),
            "\u{1f600}"
        );
        assert_eq!(joined(&[r#""\ud83d\ude00""#]), "\u{1f600}");
        assert_eq!(joined(&[r#""a\ud83d""#]), "a\u{fffd}");
        assert_eq!(joined(&[r#""\ud83d""#, r#""x""#]), "\u{fffd}x");
        assert_eq!(
            joined(&[r#""\ude00""#, r#""\ud83d\ud83d""#]),
            "\u{fffd}\u{fffd}\u{fffd}"
        );
        assert_eq!(joined(&[r#""\u00e9\n""#]), "\u{e9}\n");
    }

    #[test]
    fn what_is_not_a_string_is_not_text() {
        let raw = RawValue::from_string("{}".to_owned()).unwrap();
        assert_eq!(TextJoiner::default().push(&raw), None);
    }

    #[test]
    fn a_lossy_string_has_no_halves() {
        let lossy: LossyString = serde_json::from_str(r#""a\ud83d""#).unwrap();
        assert_eq!(lossy.0, "a\u{fffd}");
    }
}
