//! Bytes as text in base 85 (ZeroMQ RFC 32), which needs fewer characters than base64 and none that JSON
//! escapes. Bytes that do not fill the last group of four are preceded by their number.

const DIGITS: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Returns the text of some bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let padding = (4 - bytes.len() % 4) % 4;
    let mut text = String::with_capacity(1 + (bytes.len() + padding) / 4 * 5);
    text.push(char::from(b'0' + padding as u8));
    for group in bytes.chunks(4) {
        let mut four = [0; 4];
        four[..group.len()].copy_from_slice(group);
        let mut value = u32::from_be_bytes(four);
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[(value % 85) as usize];
            value /= 85;
        }
        text.extend(digits.map(char::from));
    }
    text
}

/// Returns the bytes of a text, or `None` if it is not one of [`encode`].
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let (padding, digits) = text.as_bytes().split_first()?;
    let padding = usize::from(padding.checked_sub(b'0').filter(|padding| *padding < 4)?);
    let mut bytes = Vec::with_capacity(digits.len() / 5 * 4);
    for group in digits.chunks(5) {
        let group: &[u8; 5] = group.try_into().ok()?;
        let mut value = 0_u32;
        for character in group {
            let digit = DIGITS.iter().position(|digit| digit == character)?;
            let digit = u32::try_from(digit).ok()?;
            value = value.checked_mul(85)?.checked_add(digit)?;
        }
        bytes.extend_from_slice(&value.to_be_bytes());
    }
    let len = bytes.len().checked_sub(padding)?;
    bytes.truncate(len);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_the_rfc() {
        let bytes = [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b];
        assert_eq!(encode(&bytes), "0HelloWorld");
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn no_text_panics(text: String) {
            decode(&text);
        }
    }
}
