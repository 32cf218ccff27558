//! The common part of the signatures of S3 (`AWS4-HMAC-SHA256`) and GCS (`GOOG4-RSA-SHA256`).

use aws_lc_rs::digest::{SHA256, digest};
use object_store::path::Path;

use super::signer::SigningRequest;
use super::target::{Target, encoded};
use super::window::Window;

/// The differences between the two.
#[derive(Debug)]
pub(super) struct Dialect {
    pub(super) algorithm: &'static str,
    /// Prefix of the parameters.
    pub(super) prefix: &'static str,
    /// The scope after the date.
    pub(super) scope: String,
}

/// An object at an address.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) target: &'a Target,
    pub(super) object: &'a Path,
}

/// A URL without its signature.
pub(super) struct Unsigned {
    path: String,
    query: String,
    signature_name: String,
    pub(super) to_sign: String,
}

/// A header that is signed.
pub(super) type SignedHeader = (&'static str, String);

impl Unsigned {
    /// Creates a URL for reading one object, valid in a window, to be signed by `signer`.
    pub(super) fn new(
        dialect: &Dialect,
        target: &Target,
        object: &Path,
        request: &SigningRequest,
        window: Window,
        signer: &str,
        extra: &[(&str, &str)],
    ) -> Self {
        let cache_control = window.cache_control(request);
        let mut query = vec![
            ("response-cache-control", cache_control.as_str()),
            (
                "response-content-disposition",
                request.content_disposition.as_str(),
            ),
            ("response-content-type", request.content_type.as_str()),
        ];
        query.extend_from_slice(extra);
        let place = Place { target, object };
        Self::build(dialect, "GET", place, window, signer, &query, &[])
    }

    /// Creates a URL for writing one object with these headers, which are in the order of their names.
    pub(super) fn for_put(
        dialect: &Dialect,
        place: Place<'_>,
        window: Window,
        signer: &str,
        query: &[(&str, &str)],
        headers: &[SignedHeader],
    ) -> Self {
        Self::build(dialect, "PUT", place, window, signer, query, headers)
    }

    fn build(
        dialect: &Dialect,
        method: &str,
        place: Place<'_>,
        window: Window,
        signer: &str,
        query: &[(&str, &str)],
        headers: &[SignedHeader],
    ) -> Self {
        let Dialect {
            algorithm,
            prefix,
            scope,
        } = dialect;
        let date = window.start.format("%Y%m%dT%H%M%SZ").to_string();
        let day = window.start.format("%Y%m%d");
        let scope = format!("{day}/{scope}");
        let credential = format!("{signer}/{scope}");
        let seconds = window.seconds().to_string();
        let mut signed: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        signed.push(("host", place.target.host()));
        signed.sort_unstable();
        let names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let ours = [
            ("Algorithm", *algorithm),
            ("Credential", &credential),
            ("Date", &date),
            ("Expires", &seconds),
            ("SignedHeaders", &names),
        ];
        let mut pairs: Vec<String> = ours
            .iter()
            .map(|(name, value)| format!("{prefix}{name}={}", encoded(value)))
            .chain(
                query
                    .iter()
                    .map(|(name, value)| format!("{}={}", encoded(name), encoded(value))),
            )
            .collect();
        pairs.sort_unstable();
        let query = pairs.join("&");
        let path = place.target.path(place.object);
        let lines: String = signed
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD");
        let hashed = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
        Self {
            path,
            query,
            signature_name: format!("{prefix}Signature"),
            to_sign: format!("{algorithm}\n{date}\n{scope}\n{hashed}"),
        }
    }

    /// Returns the URL with its signature.
    pub(super) fn url(&self, target: &Target, signature: &[u8]) -> String {
        let Self {
            path,
            query,
            signature_name,
            ..
        } = self;
        target.url(
            path,
            &format!("{query}&{signature_name}={}", hex(signature)),
        )
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
