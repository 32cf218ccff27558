//! Crockford's base32 (<https://www.crockford.com/base32.html>), in lower case.

/// The digits.
pub(super) const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Encodes bytes in big-endian order: the first character has the bits that do not fill five.
pub(super) fn crockford(bytes: &[u8]) -> String {
    let bits = bytes.len() * 8;
    let chars = bits.div_ceil(5);
    let mut text = String::with_capacity(chars);
    let (mut buffer, mut held) = (0_u32, chars * 5 - bits);
    for byte in bytes {
        buffer = (buffer << 8 | u32::from(*byte)) & 0xfff;
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(char::from(CROCKFORD[(buffer >> held & 31) as usize]));
        }
    }
    text
}

/// Whether a byte is one of the digits. Walks check every character of every name.
pub(super) fn is_crockford(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_lowercase() && !matches!(byte, b'i' | b'l' | b'o' | b'u')
}
