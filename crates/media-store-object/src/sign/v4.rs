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

/// A URL without its signature.
pub(super) struct Unsigned {
    path: String,
    query: String,
    signature_name: String,
    pub(super) to_sign: String,
}

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
        let ours = [
            ("Algorithm", *algorithm),
            ("Credential", &credential),
            ("Date", &date),
            ("Expires", &seconds),
            ("SignedHeaders", "host"),
        ];
        let cache_control = window.cache_control(request);
        let response = [
            ("response-cache-control", cache_control.as_str()),
            (
                "response-content-disposition",
                request.content_disposition.as_str(),
            ),
            ("response-content-type", request.content_type.as_str()),
        ];
        let mut pairs: Vec<String> = ours
            .iter()
            .map(|(name, value)| format!("{prefix}{name}={}", encoded(value)))
            .chain(
                response
                    .iter()
                    .chain(extra)
                    .map(|(name, value)| format!("{}={}", encoded(name), encoded(value))),
            )
            .collect();
        pairs.sort_unstable();
        let query = pairs.join("&");
        let path = target.path(object);
        let host = target.host();
        let canonical = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
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
