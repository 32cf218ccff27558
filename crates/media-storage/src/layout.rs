//! Names and places of media inside a store: pure, without I/O.

use std::fmt;
use std::str::FromStr;

use media_types::{Mime, Sha256, StorageKey};

use crate::error::{Operation, StorageError, StorageErrorKind};
use crate::hash::Sha256Hasher;
use crate::metadata::MediaMetadata;

/// How the keys of a store are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Organization {
    /// `<file>`: everything in one directory.
    Flat,
    /// `<conversation>/<file>`.
    ByConversation,
    /// `<session>/<conversation>/<file>`.
    #[default]
    BySession,
    /// `<run>/<session>/<conversation>/<file>`.
    ByRun,
}

impl Organization {
    /// All organisations.
    pub const ALL: [Self; 4] = [
        Self::Flat,
        Self::ByConversation,
        Self::BySession,
        Self::ByRun,
    ];

    /// The word for it: `flat`, `by-conversation`, `by-session` or `by-run`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::ByConversation => "by-conversation",
            Self::BySession => "by-session",
            Self::ByRun => "by-run",
        }
    }

    /// How many directories lie above a file.
    pub fn depth(self) -> usize {
        match self {
            Self::Flat => 0,
            Self::ByConversation => 1,
            Self::BySession => 2,
            Self::ByRun => 3,
        }
    }

    /// The directories for media with this metadata, outermost first.
    ///
    /// # Errors
    /// `InvalidInput` naming the id that the organisation needs and that is missing.
    pub fn directories(
        self,
        metadata: &MediaMetadata,
        case: CaseRule,
    ) -> Result<Vec<String>, StorageError> {
        let needed = |id: Option<&str>, what: &'static str| {
            id.map(|id| encode_segment(id, case)).ok_or_else(|| {
                StorageError::new(StorageErrorKind::InvalidInput, Operation::Store)
                    .with_reason(format!("the organisation {self} needs a {what} id"))
            })
        };
        let run = || needed(metadata.run().map(AsRef::as_ref), "run");
        let session = || needed(metadata.session().map(AsRef::as_ref), "session");
        let conversation = || needed(metadata.conversation().map(AsRef::as_ref), "conversation");
        Ok(match self {
            Self::Flat => vec![],
            Self::ByConversation => vec![conversation()?],
            Self::BySession => vec![session()?, conversation()?],
            Self::ByRun => vec![run()?, session()?, conversation()?],
        })
    }
}

impl fmt::Display for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Organization {
    type Err = StorageError;

    fn from_str(s: &str) -> Result<Self, StorageError> {
        Self::ALL
            .into_iter()
            .find(|organization| organization.as_str() == s)
            .ok_or_else(|| {
                StorageError::new(StorageErrorKind::Config, Operation::Open).with_reason(
                    "no organisation: expected flat, by-conversation, by-session or by-run",
                )
            })
    }
}

/// Whether names that differ in case only are different names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CaseRule {
    /// They are different: upper case stays as it is.
    #[default]
    Sensitive,
    /// They are the same: upper case is encoded.
    Folding,
}

/// Longest directory name that is made from an id, in bytes.
const MAX_SEGMENT: usize = 120;

/// The directory name for an id.
///
/// An id of letters, digits, `.`, `_` and `-` that is harmless everywhere stays as it is; any other
/// is percent-encoded; one that gets too long so becomes `~` and a hash. Different ids never share
/// a name, and no name is `.`, `..`, hidden, or a device.
///
/// ```
/// use media_storage::layout::{CaseRule, encode_segment};
/// assert_eq!(encode_segment("session-1", CaseRule::Sensitive), "session-1");
/// assert_eq!(encode_segment("../etc", CaseRule::Sensitive), "%2E.%2Fetc");
/// ```
pub fn encode_segment(id: &str, case: CaseRule) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let is_safe = |b: u8| {
        b.is_ascii_lowercase()
            || b.is_ascii_digit()
            || matches!(b, b'.' | b'_' | b'-')
            || case == CaseRule::Sensitive && b.is_ascii_uppercase()
    };
    let device = is_device(id);
    let last = id.len().saturating_sub(1);
    let mut name = String::with_capacity(id.len());
    for (at, byte) in id.bytes().enumerate() {
        let exposed = byte == b'.' && (at == 0 || at == last) || device && at == 0;
        if is_safe(byte) && !exposed {
            name.push(char::from(byte));
        } else {
            name.push('%');
            name.push(char::from(HEX[usize::from(byte >> 4)]));
            name.push(char::from(HEX[usize::from(byte & 15)]));
        }
        if name.len() > MAX_SEGMENT {
            let hash = Sha256Hasher::digest(id.as_bytes());
            return format!("~{}", crockford(hash.as_bytes()));
        }
    }
    name
}

/// The id that [`encode_segment`] made a name of; `None` for a name that it does not write, and for
/// one that is a hash.
///
/// ```
/// use media_storage::layout::decode_segment;
/// assert_eq!(decode_segment("%2E.%2Fetc").as_deref(), Some("../etc"));
/// assert_eq!(decode_segment("~abc"), None);
/// ```
pub fn decode_segment(name: &str) -> Option<String> {
    let nibble = |b: Option<u8>| match b? {
        b @ b'0'..=b'9' => Some(b - b'0'),
        b @ b'A'..=b'F' => Some(b - b'A' + 10),
        _ => None,
    };
    let mut id = Vec::with_capacity(name.len());
    let mut bytes = name.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => id.push(nibble(bytes.next())? << 4 | nibble(bytes.next())?),
            b if b.is_ascii_alphanumeric() || b"._-".contains(&b) => id.push(b),
            _ => return None,
        }
    }
    String::from_utf8(id).ok().filter(|id| !id.is_empty())
}

/// Whether this is a name that Windows gives to a device, with or without an extension.
fn is_device(id: &str) -> bool {
    let stem = id.split('.').next().unwrap_or_default();
    let upper = stem.to_ascii_uppercase();
    match upper.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => upper
            .strip_prefix("COM")
            .or_else(|| upper.strip_prefix("LPT"))
            .is_some_and(|digit| digit.len() == 1 && digit.bytes().all(|b| b.is_ascii_digit())),
    }
}

/// The digits of Crockford's base32 (<https://www.crockford.com/base32.html>), in lower case.
const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Big-endian base32: the first character holds the bits that do not fill five.
fn crockford(bytes: &[u8]) -> String {
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

/// Whether this is one of the digits. Walks ask for every character of every name.
fn is_crockford(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_lowercase() && !matches!(byte, b'i' | b'l' | b'o' | b'u')
}

/// The part of a file name that makes it unique: 128 random bits in 26 characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaId(Box<str>);

impl MediaId {
    /// How many characters an id has.
    pub const LEN: usize = 26;

    /// A new random id.
    ///
    /// # Errors
    /// `Unavailable` when the operating system gives no random bytes.
    pub fn mint() -> Result<Self, StorageError> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            StorageError::new(StorageErrorKind::Unavailable, Operation::Store).with_source(error)
        })?;
        Ok(Self(crockford(&bytes).into()))
    }

    /// Takes text that has the form of an id.
    pub fn parse(text: &str) -> Option<Self> {
        let first = text.bytes().next()?;
        let fits = text.len() == Self::LEN && first <= b'7' && text.bytes().all(is_crockford);
        fits.then(|| Self(text.into()))
    }

    /// The 26 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MediaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a media file: `{first 6 hex digits of the hash}-{id}.{extension}`.
///
/// The digits are for people; nothing is decided by them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileName {
    text: Box<str>,
}

impl FileName {
    /// The name for media of a hash and a type.
    pub fn new(sha256: Sha256, id: &MediaId, mime: &Mime) -> Self {
        let [a, b, c, ..] = sha256.as_bytes();
        let text = format!("{a:02x}{b:02x}{c:02x}-{id}.{}", mime.extension());
        Self { text: text.into() }
    }

    /// Takes text that has the form of a media file's name.
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
        MediaId::parse(id)?;
        fits.then(|| Self { text: text.into() })
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id in it.
    pub fn id(&self) -> &str {
        self.text.get(7..7 + MediaId::LEN).unwrap_or_default()
    }

    /// The extension without the dot.
    pub fn extension(&self) -> &str {
        self.text.get(8 + MediaId::LEN..).unwrap_or_default()
    }

    /// The name of the sidecar beside the file.
    pub fn sidecar(&self) -> String {
        format!("{}.meta", self.text)
    }
}

/// The key of media: directories by the organisation, then the file.
///
/// # Errors
/// `InvalidInput` when an id is missing.
pub fn media_key(directories: &[String], file: &FileName) -> Result<StorageKey, StorageError> {
    let mut text = directories.join("/");
    if !text.is_empty() {
        text.push('/');
    }
    text.push_str(file.as_str());
    Ok(StorageKey::new(text)?)
}

/// Takes the id of a reference apart into directories and file, if it can be one of media: at most
/// three directories, none hidden, of the characters that [`encode_segment`] writes.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn plain_ids_stay_and_others_are_encoded() {
        fn encode(id: &str) -> String {
            encode_segment(id, CaseRule::Sensitive)
        }
        let longest = "x".repeat(120);
        for plain in ["conv-1", "A.b_C", "0", &longest] {
            assert_eq!(encode(plain), plain);
        }
        for (id, name) in [
            ("..", "%2E%2E"),
            (".", "%2E"),
            (".store", "%2Estore"),
            ("a.", "a%2E"),
            ("a/b", "a%2Fb"),
            ("a b", "a%20b"),
            ("50%", "50%25"),
            ("\0", "%00"),
            ("CON", "%43ON"),
            ("nul.txt", "%6Eul.txt"),
            ("com1", "%63om1"),
            ("com10", "com10"),
            ("\u{e9}", "%C3%A9"),
        ] {
            assert_eq!(encode(id), name);
        }
        assert_eq!(encode_segment("Ab", CaseRule::Folding), "%41b");
        let long = encode(&"x".repeat(121));
        assert!(long.starts_with('~') && long.len() == 53, "{long}");
        assert_ne!(long, encode(&"x".repeat(122)));
    }

    #[test]
    fn base32_is_big_endian() {
        assert_eq!(crockford(&[0; 16]), "0".repeat(26));
        assert_eq!(crockford(&[0xff; 16]), format!("7{}", "z".repeat(25)));
        let mut one = [0; 16];
        one[15] = 33;
        assert_eq!(crockford(&one), format!("{}11", "0".repeat(24)));
    }

    #[test]
    fn only_media_names_are_media_keys() {
        let id = MediaId::mint().unwrap();
        let file = FileName::new(Sha256::EMPTY, &id, &Mime::IMAGE_PNG);
        let name = file.as_str();
        assert_eq!(FileName::parse(name).unwrap().id(), id.as_str());
        assert_eq!(file.extension(), "png");
        assert!(parse_media_key(name).is_some());
        assert!(parse_media_key(&format!("r/s/%2E%2E/{name}")).is_some());
        for bad in [
            format!("{name}.meta"),
            format!(".store/{name}"),
            format!("../{name}"),
            format!("/{name}"),
            format!("a//{name}"),
            format!("a/b/c/d/{name}"),
            format!("a b/{name}"),
            format!("caf\u{e9}/{name}"),
            ".dedup-index.json".to_owned(),
            name.to_uppercase(),
            name.replace(".png", ""),
            name.replace(".png", ".meta"),
            String::new(),
        ] {
            assert!(parse_media_key(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn digits_are_told_from_other_characters() {
        for byte in 0..=u8::MAX {
            assert_eq!(is_crockford(byte), CROCKFORD.contains(&byte), "{byte}");
        }
    }

    proptest! {
        #[test]
        fn different_ids_get_different_harmless_names(ids in proptest::collection::vec("\\PC{1,50}|[.]{1,3}|(?i:con|nul|com1)(\\.[a-z]{0,2})?|[a-z%~]{1,200}", 1..40)) {
            for case in [CaseRule::Sensitive, CaseRule::Folding] {
                let mut seen: HashMap<String, &str> = HashMap::new();
                for id in &ids {
                    let mut name = encode_segment(id, case);
                    prop_assert!(name.len() <= MAX_SEGMENT && !name.is_empty());
                    prop_assert!(!name.starts_with('.') && !name.ends_with('.'));
                    prop_assert!(!is_device(&name));
                    if !name.starts_with('~') {
                        prop_assert_eq!(decode_segment(&name), Some(id.clone()));
                    }
                    prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-%~".contains(&b)));
                    if case == CaseRule::Folding {
                        name = name.to_ascii_lowercase();
                    }
                    if let Some(other) = seen.insert(name, id) {
                        prop_assert_eq!(other, id.as_str());
                    }
                }
            }
        }
    }
}
