//! The name of an upload.

use std::fmt;

/// Random bytes of a name.
const RANDOM_LEN: usize = 16;

/// The name of an upload: 128 random bits as 32 hexadecimal digits. It is safe as the name of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct UploadId(String);

impl UploadId {
    /// Draws a name.
    pub(super) fn random() -> std::io::Result<Self> {
        let mut bytes = [0; RANDOM_LEN];
        getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
        Ok(Self(
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ))
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (digits && text.len() == 2 * RANDOM_LEN).then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
