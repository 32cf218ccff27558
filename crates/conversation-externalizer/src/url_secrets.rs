//! Secrets in URLs: signatures and tokens that let whoever holds the URL read what it names.

use media_types::MediaUrl;

/// A way to sign URLs.
struct Scheme {
    /// Parameters of which one is enough to show the scheme; a `-` at the end stands for all that
    /// begin so.
    secrets: &'static [&'static str],
    /// Parameters that mean nothing without a secret.
    companions: &'static [&'static str],
    /// Whether what is left of the URL names one object.
    names_object: bool,
}

/// Ways to sign URLs, in lower case.
const SCHEMES: &[Scheme] = &[
    // Buckets that speak S3, of Google, Alibaba, Tencent and Baidu.
    Scheme {
        secrets: &[
            "x-amz-", "x-goog-", "x-oss-", "x-cos-", "x-bce-", "q-sign-", "q-ak",
        ],
        companions: &[
            "q-signature",
            "q-key-time",
            "q-header-list",
            "q-url-param-list",
        ],
        names_object: true,
    },
    // Older signatures of buckets, and CloudFront.
    Scheme {
        secrets: &["signature"],
        companions: &[
            "expires",
            "key-pair-id",
            "policy",
            "awsaccesskeyid",
            "googleaccessid",
            "ossaccesskeyid",
            "security-token",
        ],
        names_object: true,
    },
    // Shared access signatures of Azure.
    Scheme {
        secrets: &["sig"],
        companions: &[
            "se", "si", "sip", "ske", "skoid", "sks", "skt", "sktid", "skv", "sp", "spr", "sr",
            "srt", "ss", "st", "sv",
        ],
        names_object: true,
    },
    // Tokens of services, which may be what tells one object from another.
    Scheme {
        secrets: &[
            "access_token",
            "accesstoken",
            "api-key",
            "api_key",
            "apikey",
            "auth",
            "auth_key",
            "auth_token",
            "authorization",
            "credential",
            "hdnea",
            "hdnts",
            "hmac",
            "jwt",
            "oauth_token",
            "passwd",
            "password",
            "secret",
            "security-token",
            "session_token",
            "sign",
            "token",
            "__token__",
        ],
        companions: &["exp", "expires"],
        names_object: false,
    },
];

/// Returns whether a URL holds a signature, a token or a password.
pub(super) fn has_secrets(url: &MediaUrl) -> bool {
    Parts::of(url).is_secret()
}

/// Returns the URL of the object that a URL names, without signature and fragment; `None` where
/// that is not known, because a token or a password belongs to it.
pub(super) fn object_url(url: &MediaUrl) -> Option<MediaUrl> {
    let parts = Parts::of(url);
    if parts.has_user || parts.schemes().any(|scheme| !scheme.names_object) {
        return None;
    }
    let schemes: Vec<&Scheme> = parts.schemes().collect();
    let is_kept = |parameter: &&str| {
        let name = name_of(parameter);
        !schemes
            .iter()
            .any(|scheme| scheme.has_secret(&name) || scheme.companions.contains(&name.as_str()))
    };
    let kept: Vec<&str> = parts.parameters().filter(is_kept).collect();
    let text = match kept.is_empty() {
        true => parts.start.to_owned(),
        false => format!("{}?{}", parts.start, kept.join("&")),
    };
    MediaUrl::new(text).ok()
}

/// A URL in parts.
struct Parts<'a> {
    /// Everything before the query.
    start: &'a str,
    query: &'a str,
    /// Whether a user is named, as in `https://user:password@host`.
    has_user: bool,
}

impl<'a> Parts<'a> {
    fn of(url: &'a MediaUrl) -> Self {
        let text = url.as_str();
        let text = text.split('#').next().unwrap_or(text);
        let (start, query) = text.split_once('?').unwrap_or((text, ""));
        let rest = start.split_once("://").map_or(start, |(_, rest)| rest);
        let authority = rest.split(['/', '\\']).next().unwrap_or_default();
        Self {
            start,
            query,
            has_user: authority.contains('@'),
        }
    }

    fn parameters(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.query.split('&').filter(|text| !text.is_empty())
    }

    /// Returns the ways in which the URL is signed.
    fn schemes(&self) -> impl Iterator<Item = &'static Scheme> + use<'a> {
        let names: Vec<String> = self.parameters().map(name_of).collect();
        SCHEMES
            .iter()
            .filter(move |scheme| names.iter().any(|name| scheme.has_secret(name)))
    }

    fn is_secret(&self) -> bool {
        self.has_user || self.schemes().next().is_some()
    }
}

impl Scheme {
    fn has_secret(&self, name: &str) -> bool {
        self.secrets
            .iter()
            .any(|secret| match secret.ends_with('-') {
                true => name.starts_with(secret),
                false => name == *secret,
            })
    }
}

/// Returns the name of a parameter in lower case, without percent encoding.
fn name_of(parameter: &str) -> String {
    let name = parameter.split('=').next().unwrap_or_default();
    let mut pieces = name.split('%');
    let mut decoded = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let code = piece
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (code, piece.get(2..)) {
            (Some(byte), Some(rest)) => {
                decoded.push(byte);
                decoded.extend_from_slice(rest.as_bytes());
            }
            _ => {
                decoded.push(b'%');
                decoded.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&decoded).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_found_and_taken_out() {
        for (url, object) in [
            (
                "https://b.s3.amazonaws.com/a.png?X-Amz-Algorithm=A&X-Amz-Credential=k&versionId=3&X-Amz-Signature=s",
                Some("https://b.s3.amazonaws.com/a.png?versionId=3"),
            ),
            (
                "https://h.example/a.png?X%2DAmz%2dSignature=s#part",
                Some("https://h.example/a.png"),
            ),
            (
                "https://storage.googleapis.com/b/a.png?X-Goog-Signature=s&X-Goog-Date=d",
                Some("https://storage.googleapis.com/b/a.png"),
            ),
            (
                "https://a.blob.core.windows.net/c/a.png?snapshot=1&sv=2024&sr=b&sig=s%3D",
                Some("https://a.blob.core.windows.net/c/a.png?snapshot=1"),
            ),
            (
                "https://d.cloudfront.net/a.png?Expires=1&Signature=s&Key-Pair-Id=k",
                Some("https://d.cloudfront.net/a.png"),
            ),
            ("https://h.example/a.png?TOKEN=s", None),
            ("https://h.example/a.png?size=2&access_token=s", None),
            ("https://user:password@h.example/a.png", None),
        ] {
            let url = MediaUrl::new(url).unwrap();
            assert!(has_secrets(&url), "{}", url.as_str());
            let found = object_url(&url);
            assert_eq!(found.as_ref().map(MediaUrl::as_str), object);
        }
    }

    #[test]
    fn other_urls_are_left_alone() {
        for url in [
            "https://h.example/a.png",
            "https://h.example/a.png?id=3&sp=1&tokens=4&design=b&%zz&key=a",
            "https://h.example/@user/a?expires=1",
        ] {
            let url = MediaUrl::new(url).unwrap();
            assert!(!has_secrets(&url), "{}", url.as_str());
            assert_eq!(object_url(&url), Some(url));
        }
    }
}
