//! URLs of media.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{ValueError, ValueKind};

/// Largest size of a URL, in bytes.
pub const MAX_URL_LEN: usize = 8192;

/// An absolute `http` or `https` URL.
///
/// It has a scheme and a host, no whitespace and no control characters, and at most 8 KiB. Whoever fetches
/// it parses it completely, and decides whether the host may be contacted. `Debug` and `Display` hide query,
/// fragment and user information, which may contain signatures and passwords;
/// [`as_str`](Self::as_str) returns the whole URL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MediaUrl(Arc<str>);

impl MediaUrl {
    /// Creates a URL from text.
    ///
    /// # Errors
    /// Fails for another scheme, a missing host, whitespace, control characters, and more than 8 KiB.
    pub fn new(url: impl AsRef<str>) -> Result<Self, ValueError> {
        let url = url.as_ref();
        let refuse = |reason| Err(ValueError::new(ValueKind::Url, reason));
        if url.len() > MAX_URL_LEN {
            return refuse("the URL is longer than 8192 bytes");
        }
        if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return refuse("the URL contains a space or a control character");
        }
        let Some((scheme, rest)) = url.split_once("://") else {
            return refuse("the URL is not absolute");
        };
        if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
            return refuse("the scheme is neither https nor http");
        }
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        if host.is_empty() || host.starts_with(':') {
            return refuse("the URL has no host");
        }
        Ok(Self(url.into()))
    }

    /// Returns the whole URL, including secrets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.0
            .get(..6)
            .is_some_and(|start| start.eq_ignore_ascii_case("https:"))
    }
}

impl FromStr for MediaUrl {
    type Err = ValueError;
    fn from_str(s: &str) -> Result<Self, ValueError> {
        Self::new(s)
    }
}

impl fmt::Display for MediaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let (shown, hidden) = rest.split_at(end);
        let (authority, path) = shown.split_at(shown.find(['/', '\\']).unwrap_or(shown.len()));
        let host = authority.rsplit('@').next().unwrap_or_default();
        write!(f, "{scheme}://{host}{path}")?;
        if !hidden.is_empty() {
            f.write_str("?...")?;
        }
        Ok(())
    }
}

impl fmt::Debug for MediaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MediaUrl({self})")
    }
}

impl Serialize for MediaUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for MediaUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_web_addresses_are_urls() {
        for good in [
            "https://example.com",
            "HTTP://h/p?q#f",
            "https://u:p@h:1/x",
            "http://[::1]/",
        ] {
            assert!(MediaUrl::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "example.com/a",
            "ftp://h/x",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://:80/",
            "https://h/a b",
            "https://h/\n",
            "data:image/png;base64,AA==",
        ] {
            assert!(MediaUrl::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let url = MediaUrl::new("https://user:pw@h.example/a/b?X-Amz-Signature=abc#frag").unwrap();
        for shown in [format!("{url}"), format!("{url:?}")] {
            assert!(!shown.contains("pw") && !shown.contains("abc") && !shown.contains("frag"));
            assert!(shown.contains("h.example/a/b"));
        }
    }
}
