//! Text of JSON strings that may hold halves of UTF-16 pairs.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// Text in which each half of a UTF-16 pair without the other half is U+FFFD.
///
/// JSON can spell such halves (`"\ud83d"`) and models emit them; serde_json refuses them in
/// strings, and hands them over in bytes, each as the three bytes that WTF-8 has for it.
pub(crate) struct LossyText(pub(crate) String);

impl<'de> Deserialize<'de> for LossyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(LossyVisitor)
    }
}

struct LossyVisitor;

impl Visitor<'_> for LossyVisitor {
    type Value = LossyText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<LossyText, E> {
        Ok(LossyText(text.to_owned()))
    }
    fn visit_string<E: de::Error>(self, text: String) -> Result<LossyText, E> {
        Ok(LossyText(text))
    }
    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<LossyText, E> {
        Ok(LossyText(from_wtf8(bytes)))
    }
    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<LossyText, E> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(LossyText(text)),
            Err(error) => Ok(LossyText(from_wtf8(error.as_bytes()))),
        }
    }
}

fn from_wtf8(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                return text;
            }
            Err(error) => {
                let (valid, invalid) = rest.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                text.push(char::REPLACEMENT_CHARACTER);
                rest = match invalid {
                    [0xed, 0xa0..=0xbf, 0x80..=0xbf, after @ ..] => after,
                    [_, after @ ..] => after,
                    [] => return text,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LossyText;

    fn read(json: &str) -> String {
        serde_json::from_str::<LossyText>(json).unwrap().0
    }

    #[test]
    fn each_half_of_a_pair_becomes_one_replacement_character() {
        assert_eq!(read(r#""a\ud83d""#), "a\u{fffd}");
        assert_eq!(read(r#""\ude00b""#), "\u{fffd}b");
        assert_eq!(read(r#""\ud83d\ud83d\ude00""#), "\u{fffd}\u{1f600}");
        assert_eq!(read(r#""\ud83d\ude00 \u0000""#), "\u{1f600} \0");
        assert_eq!(read(r#""plain""#), "plain");
    }
}
