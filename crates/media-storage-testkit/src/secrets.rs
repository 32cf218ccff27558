//! Looking for plaintext where only ciphertext belongs.

use std::path::Path;

use media_storage::Sha256Hasher;

/// The parts of a media item that no encrypted store may show: pieces of its bytes, its hash, and its
/// file name.
///
/// ```
/// use media_storage_testkit::Secrets;
///
/// let secrets = Secrets::new("holiday-in-rome.png");
/// let bytes = secrets.media(1000);
/// secrets.assert_absent("a/b/c", b"ciphertext", &bytes);
/// ```
#[derive(Clone, Debug)]
pub struct Secrets {
    filename: String,
}

/// What the bytes repeat: every window of them shows it.
const MARKER: &[u8] = b"PLAINTEXT-MARKER";

impl Secrets {
    /// Creates the secrets of an item that is stored under a file name.
    pub fn new(filename: &str) -> Self {
        Self {
            filename: filename.to_owned(),
        }
    }

    /// Returns media that is recognized in any of its parts: a marker, repeated.
    pub fn media(&self, times: usize) -> bytes::Bytes {
        MARKER.repeat(times).into()
    }

    /// Returns the file name.
    pub fn filename(&self) -> &str {
        &self.filename
    }

    /// Whether bytes show a part of the media.
    pub fn are_shown_by(&self, found: &[u8]) -> bool {
        contains(found, MARKER)
    }

    /// Checks that neither the name nor the content of a file or an object shows anything of `media`.
    ///
    /// # Panics
    /// If one of them does.
    #[track_caller]
    pub fn assert_absent(&self, name: &str, content: &[u8], media: &[u8]) {
        let hash = Sha256Hasher::digest(media);
        let hex = hash.to_string();
        let stem = self.filename.split(['-', '.']).next().unwrap_or_default();
        assert!(!name.contains(&hex[..6]) && !name.contains(stem), "{name}");
        let (title, _) = self
            .filename
            .rsplit_once('.')
            .unwrap_or((&self.filename, ""));
        let secrets = [
            MARKER,
            title.as_bytes(),
            hash.as_bytes().as_slice(),
            hex.as_bytes(),
        ];
        for secret in secrets {
            assert!(!contains(content, secret), "{name}");
        }
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Calls a function with the path and the bytes of every file below a directory.
///
/// # Panics
/// If the directory cannot be read.
pub fn for_each_file(directory: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            for_each_file(&path, look);
        } else {
            look(&path, &std::fs::read(&path).unwrap());
        }
    }
}
