//! JSON with broken text.

use serde::de::DeserializeOwned;

/// Parses JSON; where that fails because of halves of pairs or invalid UTF-8, again with U+FFFD in
/// their place.
///
/// # Errors
/// Anything else that is not the expected JSON.
pub(crate) fn parse_tolerant<T: DeserializeOwned>(json: &mut Vec<u8>) -> serde_json::Result<T> {
    match serde_json::from_slice(json) {
        Ok(value) => Ok(value),
        Err(error) => match repair(json) {
            true => serde_json::from_slice(json),
            false => Err(error),
        },
    }
}

/// Puts U+FFFD in place of invalid UTF-8 and of escaped halves without the other half; returns
/// whether anything changed.
fn repair(json: &mut Vec<u8>) -> bool {
    let mut changed = false;
    if std::str::from_utf8(json).is_err() {
        *json = String::from_utf8_lossy(json).into_owned().into_bytes();
        changed = true;
    }
    let mut at = 0;
    while let Some(found) = json.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        let start = at + found;
        at = start + 2;
        match (escaped_unit(json, start), escaped_unit(json, start + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at = start + 12,
            (Some(0xd800..=0xdfff), _) => {
                if let Some(digits) = json.get_mut(start + 2..start + 6) {
                    digits.copy_from_slice(b"fffd");
                }
                changed = true;
                at = start + 6;
            }
            _ => {}
        }
    }
    changed
}

/// The UTF-16 unit of an escape that starts here.
fn escaped_unit(json: &[u8], start: usize) -> Option<u16> {
    let escape = json.get(start..start + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_text_is_repaired_in_place() {
        for (json, text) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\ud83d\ude00\ude00""#, "\u{1f600}\u{fffd}"),
            (r#""\\ud83d""#, "\\ud83d"),
            (r#""\\\ud83d\ud83d\ude00""#, "\\\u{fffd}\u{1f600}"),
        ] {
            let mut bytes = json.as_bytes().to_vec();
            let found: String = parse_tolerant(&mut bytes).unwrap();
            assert_eq!(found, text, "{json}");
        }
        let found: String = parse_tolerant(&mut b"\"a\xff\"".to_vec()).unwrap();
        assert_eq!(found, "a\u{fffd}");
        assert!(parse_tolerant::<String>(&mut b"\"a".to_vec()).is_err());
    }
}
