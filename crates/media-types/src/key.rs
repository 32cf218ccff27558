//! Keys: names in a store.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{ValueError, ValueKind};

/// Largest size of a key, in bytes.
pub const MAX_KEY_LEN: usize = 1024;

/// A relative, `/`-separated name in a store.
///
/// No segment is empty, `.` or `..`, and there is no backslash or control character. So a key never leads
/// out of the store, on any platform.
///
/// ```
/// use media_types::StorageKey;
/// let key = StorageKey::new("session-1/conv-1/ab12cd.png")?;
/// assert_eq!(key.file_name(), "ab12cd.png");
/// assert!(StorageKey::new("../secret").is_err());
/// # Ok::<(), media_types::ValueError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StorageKey(Arc<str>);

impl StorageKey {
    /// Creates a key from text.
    ///
    /// # Errors
    /// Fails for text that breaks one of these rules, or is longer than 1024 bytes.
    pub fn new(key: impl AsRef<str>) -> Result<Self, ValueError> {
        let key = key.as_ref();
        let refuse = |reason| Err(ValueError::new(ValueKind::Key, reason));
        if key.is_empty() {
            return refuse("the key is empty");
        }
        if key.len() > MAX_KEY_LEN {
            return refuse("the key is longer than 1024 bytes");
        }
        if key.contains('\\') {
            return refuse("the key contains a backslash");
        }
        if key.chars().any(char::is_control) {
            return refuse("the key contains a control character");
        }
        for segment in key.split('/') {
            match segment {
                "" => {
                    return refuse("the key starts or ends with a slash, or has an empty segment");
                }
                "." | ".." => return refuse("the key has a segment . or .."),
                _ => {}
            }
        }
        Ok(Self(key.into()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the segments between the slashes.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// Returns the last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl FromStr for StorageKey {
    type Err = ValueError;
    fn from_str(s: &str) -> Result<Self, ValueError> {
        Self::new(s)
    }
}

impl AsRef<str> for StorageKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StorageKey({:?})", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_refused() {
        for bad in [
            "", "/", "/a", "a/", "a//b", "..", "a/../b", "./a", "a\\b", "a\0b", "a\nb", "\u{7f}",
        ] {
            assert!(StorageKey::new(bad).is_err(), "{bad:?}");
        }
        assert!(StorageKey::new("k".repeat(1024)).is_ok());
        assert!(StorageKey::new("k".repeat(1025)).is_err());
    }

    proptest! {
        #[test]
        fn an_accepted_key_never_leaves_its_directory(text in ".{0,40}") {
            if let Ok(key) = StorageKey::new(&text) {
                for component in std::path::Path::new(key.as_str()).components() {
                    prop_assert!(matches!(component, std::path::Component::Normal(_)));
                }
            }
        }
    }
}
