//! Where signed URLs lead.

use std::fmt::Write as _;

use object_store::path::Path;

use crate::connect::Endpoint;

/// An address under which objects are found by their keys.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    origin: String,
    host: String,
    https: bool,
    /// The path before the key, encoded.
    base: String,
}

impl Target {
    /// Objects lie under the endpoint and these segments.
    pub(crate) fn new(endpoint: &Endpoint, segments: &[&str]) -> Self {
        let mut base = endpoint.path.clone();
        for segment in segments {
            base.push('/');
            base.push_str(&encoded_path(segment));
        }
        Self {
            origin: endpoint.origin(),
            host: endpoint.authority.clone(),
            https: endpoint.https,
            base,
        }
    }

    /// Host, and port where it is not the scheme's: what clients put into `Host`.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn is_https(&self) -> bool {
        self.https
    }

    /// The encoded path of an object.
    pub(super) fn path(&self, object: &Path) -> String {
        format!("{}/{}", self.base, encoded_path(object.as_ref()))
    }

    /// The URL of a path with a query.
    pub(super) fn url(&self, path: &str, query: &str) -> String {
        format!("{}{path}?{query}", self.origin)
    }
}

/// Encodes everything but what RFC 3986 calls unreserved, as signatures of all three clouds want it.
pub(super) fn encoded(text: &str) -> String {
    encode(text, b"-._~")
}

fn encoded_path(text: &str) -> String {
    encode(text, b"-._~/")
}

fn encode(text: &str, kept: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_once_and_slashes_stay() {
        let endpoint = Endpoint::parse("endpoint", "https://s3.example/x/").unwrap();
        let target = Target::new(&endpoint, &["my$bucket"]);
        let object = Path::parse("a/%2e b/\u{e9}~.png").unwrap();
        assert_eq!(
            target.path(&object),
            "/x/my%24bucket/a/%252e%20b/%C3%A9~.png"
        );
        assert_eq!(target.url("/p", "q=1"), "https://s3.example/p?q=1");
    }
}
