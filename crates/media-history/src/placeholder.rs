//! Placeholders: the text that stands where media was.

use std::fmt::Write as _;

use media_types::base64::{self, Alphabet, Encoder};
use media_types::{Sha256, StorageReference};
use memchr::memmem;

use crate::key::{HistoryKey, MAC_LEN, ScopeTag};
use crate::style::Style;

/// What every placeholder begins with.
pub(crate) const PREFIX: &[u8] = b"media-ref:v1:";

/// Longest placeholder, in bytes.
pub(crate) const MAX_PLACEHOLDER_LEN: usize = 4096;

/// Length of the text of a MAC.
const MAC_TEXT_LEN: usize = MAC_LEN / 3 * 4;

/// How many fields, each with its colon, stand between prefix and MAC.
const FIELDS: usize = 7;

/// A placeholder as it was read, or as it is to be written.
///
/// `media-ref:v1:<backend>:<store or empty>:<id>:<hash>:<decoded bytes>:<bytes of source
/// text>:<style>:<mac>`. No character of it is ever escaped in JSON, at any depth of strings in
/// strings, and none but the letters and digits is base64 in either alphabet throughout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placeholder {
    pub(crate) reference: StorageReference,
    pub(crate) sha256: Sha256,
    /// Size of the media in bytes.
    pub(crate) size: u64,
    /// Length of the text that it stands for.
    pub(crate) text_len: u64,
    pub(crate) style: Style,
}

impl Placeholder {
    /// No placeholder is shorter.
    pub(crate) const MIN_LEN: u64 = (PREFIX.len() + 64 + MAC_TEXT_LEN + 2 * FIELDS) as u64;

    /// `None` for a reference without size or hash.
    pub(crate) fn new(reference: StorageReference, text_len: u64, style: Style) -> Option<Self> {
        Some(Self {
            sha256: reference.sha256()?,
            size: reference.size()?,
            reference,
            text_len,
            style,
        })
    }

    /// The text, under the current secret of the key; `None` if it is too long.
    pub(crate) fn to_text(&self, key: &HistoryKey, scope: &ScopeTag) -> Option<String> {
        let mut text = String::with_capacity(320);
        text.push_str("media-ref:v1:");
        text.push_str(self.reference.backend());
        text.push(':');
        text.push_str(self.reference.store_name().unwrap_or_default());
        text.push(':');
        push_encoded(self.reference.id(), &mut text);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            ":{}:{}:{}:{}:",
            self.sha256, self.size, self.text_len, self.style
        );
        let mac = key.sign(scope, text.as_bytes());
        let (mut encoder, mut tail) = (Encoder::with_alphabet(Alphabet::UrlSafe), Vec::new());
        encoder.push(&mac, &mut tail);
        text.push_str(std::str::from_utf8(&tail).ok()?);
        (text.len() <= MAX_PLACEHOLDER_LEN).then_some(text)
    }
}

/// Encodes what may be escaped in JSON or divides fields.
fn push_encoded(id: &str, text: &mut String) {
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

fn decode_id(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(at) = rest.find('%') {
        bytes.extend_from_slice(rest.get(..at)?.as_bytes());
        bytes.push(u8::from_str_radix(rest.get(at + 1..at + 3)?, 16).ok()?);
        rest = rest.get(at + 3..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

/// What may be a placeholder: its form is right, its MAC is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) placeholder: Placeholder,
    /// Length of its text.
    pub(crate) len: usize,
    mac: [u8; MAC_LEN],
}

impl Candidate {
    /// Whether the placeholder was written with this key for this scope. `text` is what it was read
    /// from.
    pub(crate) fn is_ours(&self, text: &[u8], key: &HistoryKey, scope: &ScopeTag) -> bool {
        text.get(..self.len - MAC_TEXT_LEN)
            .is_some_and(|signed| key.verify(scope, signed, &self.mac))
    }
}

/// What is at the start of some text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Candidate(Box<Candidate>),
    /// It may become a placeholder with more text.
    Incomplete,
    Other,
}

/// Reads a placeholder at the start of text that begins with [`PREFIX`].
pub(crate) fn parse(text: &[u8]) -> Parsed {
    let window = text.get(..MAX_PLACEHOLDER_LEN).unwrap_or(text);
    let mut colons = memchr::memchr_iter(b':', window.get(PREFIX.len()..).unwrap_or_default());
    let is_open = || match window
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b":._%-".contains(byte))
    {
        true if window.len() < MAX_PLACEHOLDER_LEN => Parsed::Incomplete,
        _ => Parsed::Other,
    };
    let Some(fields_end) = colons.nth(FIELDS - 1) else {
        return is_open();
    };
    let mac_start = PREFIX.len() + fields_end + 1;
    let Some(mac_text) = window.get(mac_start..mac_start + MAC_TEXT_LEN) else {
        return is_open();
    };
    let fields = window.get(PREFIX.len()..mac_start - 1).unwrap_or_default();
    match read_fields(fields).zip(read_mac(mac_text)) {
        Some((placeholder, mac)) => Parsed::Candidate(Box::new(Candidate {
            placeholder,
            len: mac_start + MAC_TEXT_LEN,
            mac,
        })),
        None => Parsed::Other,
    }
}

fn read_mac(text: &[u8]) -> Option<[u8; MAC_LEN]> {
    let bytes = base64::decode_with(Alphabet::UrlSafe, text).ok()?;
    bytes.try_into().ok()
}

fn read_fields(fields: &[u8]) -> Option<Placeholder> {
    let mut fields = std::str::from_utf8(fields).ok()?.split(':');
    let mut next = || fields.next();
    let (backend, store, id) = (next()?, next()?, decode_id(next()?)?);
    let (sha256, size, text_len) = (next()?.parse().ok()?, number(next()?)?, number(next()?)?);
    let style = Style::parse(next()?)?;
    let mut builder = StorageReference::builder(backend, id)
        .with_size(size)
        .with_sha256(sha256);
    if !store.is_empty() {
        builder = builder.with_store_name(store);
    }
    Some(Placeholder {
        reference: builder.build().ok()?,
        sha256,
        size,
        text_len,
        style,
    })
}

fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

/// Finds placeholders in whole text: the offset of each candidate, whether its MAC verifies, and it.
pub(crate) fn find<'a>(
    text: &'a [u8],
    key: &'a HistoryKey,
    scope: &'a ScopeTag,
) -> impl Iterator<Item = (usize, bool, Candidate)> + 'a {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            at += memmem::find(text.get(at..)?, PREFIX)?;
            let rest = text.get(at..)?;
            if let Parsed::Candidate(candidate) = parse(rest) {
                let found = at;
                let is_ours = candidate.is_ours(rest, key, scope);
                at += if is_ours { candidate.len } else { 1 };
                return Some((found, is_ours, *candidate));
            }
            at += 1;
        }
    })
}

/// Finds whatever has the form of a placeholder in whole text, under any key and for any scope.
pub(crate) fn candidates(text: &[u8]) -> impl Iterator<Item = Candidate> {
    memmem::find_iter(text, PREFIX).filter_map(|at| match parse(text.get(at..)?) {
        Parsed::Candidate(candidate) => Some(*candidate),
        Parsed::Incomplete | Parsed::Other => None,
    })
}

/// How many bytes at the end of text may be the start of [`PREFIX`].
pub(crate) fn open_tail(text: &[u8]) -> usize {
    let longest = text.len().min(PREFIX.len() - 1);
    (1..=longest)
        .rev()
        .find(|len| text.ends_with(&PREFIX[..*len]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_storage::Scope;

    fn tag() -> ScopeTag {
        ScopeTag::new(&Scope::All).unwrap()
    }

    fn placeholder(id: &str) -> Placeholder {
        let reference = StorageReference::builder("file", id)
            .with_store_name("eu")
            .with_size(3)
            .with_sha256(Sha256::EMPTY)
            .build()
            .unwrap();
        Placeholder::new(reference, 4, Style::parse("un.b5c2f").unwrap()).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let key = HistoryKey::new([1; 16]).unwrap();
        for id in ["a", "session-1/c d/é%:x\"\\.png"] {
            let written = placeholder(id);
            let text = written.to_text(&key, &tag()).unwrap();
            assert!(!text.contains(['/', '"', '\\', '+', '=', ' ']), "{text}");
            let around = format!("media-ref:v1:{text}{text}:x");
            let found: Vec<_> = find(around.as_bytes(), &key, &tag()).collect();
            let ours = found.iter().filter(|(_, is_ours, _)| *is_ours);
            assert_eq!(
                ours.map(|(at, _, found)| (*at, found.placeholder.clone()))
                    .collect::<Vec<_>>(),
                [(13, written.clone()), (13 + text.len(), written)]
            );
        }
        let long = placeholder(&"/".repeat(1024));
        assert!(long.to_text(&key, &tag()).is_some());
        let longest = placeholder(&"\u{10ffff}".repeat(256));
        assert!(longest.to_text(&key, &tag()).is_some());
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let key = HistoryKey::new([1; 16]).unwrap();
        let text = placeholder("a/b").to_text(&key, &tag()).unwrap();
        for at in 0..text.len() {
            for change in [1, 0x20] {
                let mut changed = text.clone().into_bytes();
                changed[at] ^= change;
                let ours = find(&changed, &key, &tag()).any(|(_, is_ours, _)| is_ours);
                assert!(!ours, "byte {at}");
            }
        }
        for cut in PREFIX.len()..text.len() {
            assert_eq!(parse(&text.as_bytes()[..cut]), Parsed::Incomplete, "{cut}");
        }
        assert_eq!(parse(b"media-ref:v1:a b"), Parsed::Other);
        let endless = [PREFIX, &[b'a'; MAX_PLACEHOLDER_LEN]].concat();
        assert_eq!(parse(&endless), Parsed::Other);
    }

    #[test]
    fn an_open_tail_is_kept() {
        for (text, len) in [
            (&b""[..], 0),
            (b"x", 0),
            (b"xm", 1),
            (b"media-ref:v1", 12),
            (b"media-ref:v1:", 0),
            (b"media-remed", 3),
        ] {
            assert_eq!(open_tail(text), len);
        }
    }
}
