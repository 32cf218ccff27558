//! Names and keys of media files.

use std::fmt;

use media_types::{Mime, Sha256, StorageKey};

use super::base32::{crockford, is_crockford};
use super::segment::MAX_SEGMENT;
use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::hash::Sha256Hasher;

/// The token of a media file: 128 random bits in 26 characters, which make its name unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaToken(Box<str>);

impl MediaToken {
    /// Number of characters.
    pub const LEN: usize = 26;

    /// Creates a random token.
    ///
    /// # Errors
    /// `Unavailable` if the operating system provides no random bytes.
    pub fn mint() -> Result<Self, StorageError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            StorageError::new(StorageErrorKind::Unavailable, Operation::Store).with_source(error)
        })?;
        Ok(Self(crockford(&bytes).into()))
    }

    /// Creates the token that a seed gives, always the same: for media that is found without being listed,
    /// because its id follows from something else.
    pub fn derive(seed: &[u8]) -> Self {
        let digest = Sha256Hasher::digest(seed);
        let bytes = digest.as_bytes().first_chunk::<16>();
        Self(crockford(bytes.unwrap_or(&[0; 16])).into())
    }

    /// Parses a token.
    pub fn parse(text: &str) -> Option<Self> {
        let first = text.bytes().next()?;
        let fits = text.len() == Self::LEN && first <= b'7' && text.bytes().all(is_crockford);
        fits.then(|| Self(text.into()))
    }

    /// Returns the token.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MediaToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a media file: `{first 6 hex digits of the hash}-{token}.{extension}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileName {
    text: Box<str>,
}

impl FileName {
    /// Creates the name of media with a hash and a type.
    pub fn new(sha256: Sha256, id: &MediaToken, mime: &Mime) -> Self {
        let [a, b, c, ..] = sha256.as_bytes();
        let text = format!("{a:02x}{b:02x}{c:02x}-{id}.{}", mime.extension());
        Self { text: text.into() }
    }

    /// Parses the name of a media file.
    pub fn parse(text: &str) -> Option<Self> {
        let (stem, extension) = text.split_once('.')?;
        let (hex, id) = stem.split_once('-')?;
        let fits = hex.len() == 6
            && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            && (1..=8).contains(&extension.len())
            && extension != "meta"
            && extension
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        MediaToken::parse(id)?;
        fits.then(|| Self { text: text.into() })
    }

    /// Returns the whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the token in the name.
    pub fn id(&self) -> &str {
        self.text.get(7..7 + MediaToken::LEN).unwrap_or_default()
    }

    /// Returns the extension, without the dot.
    pub fn extension(&self) -> &str {
        self.text.get(8 + MediaToken::LEN..).unwrap_or_default()
    }

    /// Whether media of this name may have a hash: the name has its first digits, or digits 0 because
    /// the hash was not known when the name was created.
    pub fn may_hold(&self, sha256: Sha256) -> bool {
        let [a, b, c, ..] = sha256.as_bytes();
        let digits = self.text.get(..6).unwrap_or_default();
        digits == "000000" || digits == format!("{a:02x}{b:02x}{c:02x}")
    }

    /// Returns the name of the sidecar.
    pub fn sidecar(&self) -> String {
        format!("{}.meta", self.text)
    }
}

/// Returns the key of media: directories according to the organization, then the file.
///
/// # Errors
/// `InvalidInput` if the key is too long.
pub fn media_key(directories: &[String], file: &FileName) -> Result<StorageKey, StorageError> {
    let mut text = directories.join("/");
    if !text.is_empty() {
        text.push('/');
    }
    text.push_str(file.as_str());
    Ok(StorageKey::new(text)?)
}

/// Splits the id of a reference into directories and file. Returns `None` unless it can be a key of
/// media: at most three directories, none hidden, with the characters that
/// [`encode_segment`](super::encode_segment) writes.
pub fn parse_media_key(id: &str) -> Option<(Vec<&str>, FileName)> {
    let mut segments: Vec<&str> = id.split('/').collect();
    let file = FileName::parse(segments.pop()?)?;
    let is_directory = |segment: &&str| {
        !segment.is_empty()
            && segment.len() <= MAX_SEGMENT
            && !segment.starts_with('.')
            && segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-%~".contains(&b))
    };
    (segments.len() <= 3 && segments.iter().all(is_directory)).then_some((segments, file))
}
