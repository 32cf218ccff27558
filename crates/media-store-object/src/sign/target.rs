//! The address that signed URLs lead to.

use object_store::path::Path;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::address::Endpoint;

/// Everything but the unreserved characters of RFC 3986, as all three clouds sign it.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same without slashes.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The address below which objects have their keys.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    origin: String,
    host: String,
    https: bool,
    /// The path before the key, encoded.
    base: String,
}

impl Target {
    /// Creates a target of objects below an endpoint and these segments.
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

    /// Returns the value of the header `Host`.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn is_https(&self) -> bool {
        self.https
    }

    /// Returns the encoded path of an object.
    pub(super) fn path(&self, object: &Path) -> String {
        format!("{}/{}", self.base, encoded_path(object.as_ref()))
    }

    /// Returns the URL of a path with a query.
    pub(super) fn url(&self, path: &str, query: &str) -> String {
        format!("{}{path}?{query}", self.origin)
    }
}

/// Encodes a name or value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn encoded_path(text: &str) -> String {
    utf8_percent_encode(text, RESERVED_IN_PATH).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_once_and_slashes_are_kept() {
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
