//! The checksum of a part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

/// Names of the algorithms, as they are announced.
pub(super) const ALGORITHMS: &str = "sha1,sha256";

/// The checksum that a part must have, and that of what has arrived.
pub(super) struct Checksum {
    expected: Vec<u8>,
    state: State,
}

enum State {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// Reads `Upload-Checksum`: a name and the checksum in base64.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, value) = text
            .split_once(' ')
            .ok_or("Upload-Checksum is a name and a value")?;
        let (state, len) = match name {
            "sha1" => (State::Sha1(Sha1::new()), 20),
            "sha256" => (State::Sha256(Sha256::new()), 32),
            _ => return Err("checksums are of sha1 or sha256"),
        };
        let expected = STANDARD.decode(value.trim()).ok();
        let expected = expected.filter(|expected| expected.len() == len);
        Ok(Self {
            expected: expected.ok_or("the checksum is not one of its algorithm in base64")?,
            state,
        })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
        }
    }

    /// Whether what has arrived is what was expected.
    pub(super) fn matches(self) -> bool {
        match self.state {
            State::Sha1(state) => state.finalize().as_slice() == self.expected,
            State::Sha256(state) => state.finalize().as_slice() == self.expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(text: &str, bytes: &[u8]) -> Result<bool, &'static str> {
        let mut checksum = Checksum::parse(text)?;
        checksum.update(bytes);
        Ok(checksum.matches())
    }

    #[test]
    fn checksums_are_compared() {
        // As in the text of the protocol.
        let hello = "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=";
        assert_eq!(matches(hello, b"hello world"), Ok(true));
        assert_eq!(matches(hello, b"hello worle"), Ok(false));
        let hello = "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
        assert_eq!(matches(hello, b"hello world"), Ok(true));
        assert_eq!(matches(hello, b""), Ok(false));
        for text in [
            "",
            "sha1",
            "md5 Kq5s",
            "sha1 Kq5s",
            "sha1 *",
            "sha256 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        ] {
            assert!(matches(text, b"").is_err(), "{text}");
        }
    }
}
