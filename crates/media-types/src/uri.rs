//! The URI form of references: one line for a column, a log or a person.

use std::fmt::Write as _;
use std::str::FromStr;

use crate::error::{ValueError, ValueKind};
use crate::reference::StorageReference;

/// What a reference's URI begins with.
const SCHEME: &str = "media://";

impl StorageReference {
    /// Returns the URI form: `media://<backend>[@<store>]/<id>[?size=<bytes>&sha256=<hex>]`.
    ///
    /// Of the id, everything but letters, digits, `/`, `.`, `_`, `~` and `-` is percent-encoded. The
    /// URI keeps what identifies the media and what its bytes must be; the time and the metadata of
    /// the reference, which nothing trusts, are left out.
    ///
    /// ```
    /// use media_types::StorageReference;
    /// let uri = "media://s3@eu/session-1/ab12cd-x.png?size=3";
    /// let reference: StorageReference = uri.parse()?;
    /// assert_eq!((reference.backend(), reference.store_name()), ("s3", Some("eu")));
    /// assert_eq!(reference.id(), "session-1/ab12cd-x.png");
    /// assert_eq!(reference.to_uri(), uri);
    /// # Ok::<(), media_types::ValueError>(())
    /// ```
    pub fn to_uri(&self) -> String {
        let mut uri = format!("{SCHEME}{}", self.backend());
        if let Some(store) = self.store_name() {
            uri.push('@');
            uri.push_str(store);
        }
        uri.push('/');
        for byte in self.id().bytes() {
            if byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(uri, "%{byte:02X}");
            }
        }
        let mut separator = '?';
        if let Some(size) = self.size() {
            let _ = write!(uri, "?size={size}");
            separator = '&';
        }
        if let Some(sha256) = self.sha256() {
            let _ = write!(uri, "{separator}sha256={sha256}");
        }
        uri
    }
}

impl FromStr for StorageReference {
    type Err = ValueError;

    /// Reads the URI form. Unknown parameters are ignored.
    fn from_str(uri: &str) -> Result<Self, ValueError> {
        let refuse = |reason| ValueError::new(ValueKind::Reference, reason);
        let rest = uri
            .get(..SCHEME.len())
            .filter(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
            .and_then(|_| uri.get(SCHEME.len()..))
            .ok_or_else(|| refuse("it does not begin with media://"))?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, id) = rest
            .split_once('/')
            .ok_or_else(|| refuse("it has no id after the backend"))?;
        let id = decode_percent(id).ok_or_else(|| refuse("the id is not percent-encoded UTF-8"))?;
        let mut builder = match authority.split_once('@') {
            Some((backend, store)) => Self::builder(backend, id).with_store_name(store),
            None => Self::builder(authority, id),
        };
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            builder = match name {
                "size" => builder.with_size(
                    value
                        .parse()
                        .map_err(|_| refuse("the size is not a number"))?,
                ),
                "sha256" => builder.with_sha256(value.parse()?),
                _ => builder,
            };
        }
        builder.build()
    }
}

fn decode_percent(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
        bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sha256::Sha256;
    use proptest::prelude::*;

    #[test]
    fn malformed_uris_are_refused() {
        for bad in [
            "",
            "media:file/a",
            "http://file/a",
            "media://file",
            "media://file/",
            "media:///a",
            "media://file@/a",
            "media://fi le/a",
            "media://file/%zz",
            "media://file/%0",
            "media://file/%00",
            "media://file/%ff",
            "media://file/a?size=x",
            "media://file/a?sha256=00",
        ] {
            assert!(bad.parse::<StorageReference>().is_err(), "{bad}");
        }
        assert!("MEDIA://file/a?x=y&z".parse::<StorageReference>().is_ok());
    }

    proptest! {
        #[test]
        fn what_is_printed_parses(
            id in "\\PC{1,40}",
            store in proptest::option::of("[a-z0-9._-]{1,8}"),
            size in proptest::option::of(any::<u64>()),
            hashed: bool,
        ) {
            let mut builder = StorageReference::builder("s3", id);
            if let Some(store) = store {
                builder = builder.with_store_name(store);
            }
            if let Some(size) = size {
                builder = builder.with_size(size);
            }
            if hashed {
                builder = builder.with_sha256(Sha256::EMPTY);
            }
            let reference = builder.build().unwrap();
            let uri = reference.to_uri();
            prop_assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(uri.parse::<StorageReference>(), Ok(reference));
        }
    }
}
