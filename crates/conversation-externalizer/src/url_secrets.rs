//! Secrets in URLs: signatures and tokens that let whoever holds the URL read what it names.
//!
//! They are recognized by the names of parameters, in the query and in the fragment. A name that is taken
//! for one in vain costs a fetch, and a secret that is missed is written: the names are many.

use media_types::MediaUrl;

/// A way to sign URLs.
struct Scheme {
    /// Parameters of which one is enough to show the scheme; a `-` at the end stands for all that
    /// begin so.
    secrets: &'static [&'static str],
    /// Parameters of which one stands beside the secret; none is needed where there are none.
    beside: &'static [&'static str],
    /// Parameters that mean nothing without a secret.
    companions: &'static [&'static str],
}

/// Ways to sign URLs, in lower case.
const SCHEMES: &[Scheme] = &[
    // Buckets that speak S3, of Google, Alibaba, Tencent and Baidu.
    Scheme {
        secrets: &[
            "x-amz-", "x-goog-", "x-oss-", "x-cos-", "x-bce-", "q-sign-", "q-ak",
        ],
        beside: &[],
        companions: &[
            "q-signature",
            "q-key-time",
            "q-header-list",
            "q-url-param-list",
        ],
    },
    // Older signatures of buckets, and CloudFront.
    Scheme {
        secrets: &["signature"],
        beside: &[],
        companions: &[
            "expires",
            "key-pair-id",
            "policy",
            "awsaccesskeyid",
            "googleaccessid",
            "ossaccesskeyid",
            "security-token",
        ],
    },
    // Files of Discord.
    Scheme {
        secrets: &["hm"],
        beside: &[],
        companions: &["ex", "is"],
    },
    // Shared access signatures of Azure.
    Scheme {
        secrets: &["sig"],
        beside: &[],
        companions: &[
            "se", "si", "sip", "ske", "skoid", "sks", "skt", "sktid", "skv", "sp", "spr", "sr",
            "srt", "ss", "st", "sv",
        ],
    },
    // Links of nginx, and of servers that do as it does. Alone these words mean other things.
    Scheme {
        secrets: &["md5", "hash", "h", "st"],
        beside: &["expires", "e"],
        companions: &["expires", "e"],
    },
    // Files of Facebook and Instagram.
    Scheme {
        secrets: &["oh"],
        beside: &["oe"],
        companions: &["oe"],
    },
    // Images of imgix.
    Scheme {
        secrets: &["s"],
        beside: &["ixlib"],
        companions: &["ixlib"],
    },
];

/// What the name of a token of a service holds.
const TOKEN_PIECES: &[&str] = &[
    "token",
    "secret",
    "signature",
    "password",
    "passwd",
    "credential",
    "authorization",
    "session",
    "sessid",
];

/// How the name of a token of a service ends.
const TOKEN_ENDS: &[&str] = &["sig", "auth", "key", "jwt", "hmac"];

/// Other names of tokens of services, and words that show one.
const TOKEN_WORDS: &[&str] = &[
    "auth", "code", "hdnea", "hdntl", "hdnts", "md5", "pass", "pwd", "sid", "sig", "sign",
    "ticket", "verify",
];

/// Returns whether a URL holds a signature, a token or a password.
pub(super) fn has_secrets(url: &MediaUrl) -> bool {
    Parts::of(url).is_secret()
}

/// Returns the URL of the object that a URL names, without signature and fragment; `None` where
/// that is not known, because a token or a password belongs to it.
pub(super) fn object_url(url: &MediaUrl) -> Option<MediaUrl> {
    let parts = Parts::of(url);
    let schemes = parts.schemes();
    if parts.has_user || parts.has_token(&schemes) {
        return None;
    }
    let is_kept = |parameter: &&str| {
        let name = name_of(parameter);
        !schemes.iter().any(|scheme| scheme.claims(&name))
    };
    let kept: Vec<&str> = parts.query().filter(is_kept).collect();
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
    fragment: &'a str,
    /// Whether a user is named, as in `https://user:password@host`.
    has_user: bool,
}

impl<'a> Parts<'a> {
    fn of(url: &'a MediaUrl) -> Self {
        let text = url.as_str();
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (start, query) = text.split_once('?').unwrap_or((text, ""));
        let rest = start.split_once("://").map_or(start, |(_, rest)| rest);
        let authority = rest.split(['/', '\\']).next().unwrap_or_default();
        Self {
            start,
            query,
            fragment,
            has_user: authority.contains('@'),
        }
    }

    fn query(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.query.split('&').filter(|text| !text.is_empty())
    }

    /// Returns the names of all parameters, those of the fragment too.
    fn names(&self) -> impl Iterator<Item = String> + use<'a> {
        let fragment = self.fragment.split(['&', '?', '#', '/', ';']);
        let in_query = self.query.split(['&', '?', ';']);
        let parameters = in_query.chain(fragment.filter(|text| text.contains('=')));
        parameters.filter(|text| !text.is_empty()).map(name_of)
    }

    /// Returns the ways in which the URL is signed.
    fn schemes(&self) -> Vec<&'static Scheme> {
        let names: Vec<String> = self.query().map(name_of).collect();
        let is_used = |scheme: &&Scheme| {
            let is_beside = |name: &String| scheme.beside.contains(&name.as_str());
            let is_whole = scheme.beside.is_empty() || names.iter().any(is_beside);
            is_whole && names.iter().any(|name| scheme.has_secret(name))
        };
        SCHEMES.iter().filter(is_used).collect()
    }

    /// Returns whether there is a token that belongs to none of the schemes.
    fn has_token(&self, schemes: &[&Scheme]) -> bool {
        self.names()
            .any(|name| is_token(&name) && !schemes.iter().any(|scheme| scheme.claims(&name)))
    }

    fn is_secret(&self) -> bool {
        let schemes = self.schemes();
        self.has_user || !schemes.is_empty() || self.has_token(&schemes)
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

    fn claims(&self, name: &str) -> bool {
        self.has_secret(name) || self.companions.contains(&name)
    }
}

/// Returns whether a parameter's name is that of a token, a key or a password.
fn is_token(name: &str) -> bool {
    let mut words = name.split(|letter: char| !letter.is_ascii_alphanumeric());
    TOKEN_PIECES.iter().any(|piece| name.contains(piece))
        || TOKEN_ENDS.iter().any(|end| name.ends_with(end))
        || words.any(|word| TOKEN_WORDS.contains(&word))
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
            (
                "https://cdn.example/a.png?ex=1&is=2&hm=s&width=3",
                Some("https://cdn.example/a.png?width=3"),
            ),
            (
                "https://b.s3.amazonaws.com/a.png?X-Amz-Security-Token=t&X-Amz-Signature=s",
                Some("https://b.s3.amazonaws.com/a.png"),
            ),
            (
                "https://h.example/a.png?md5=s&expires=1&width=3",
                Some("https://h.example/a.png?width=3"),
            ),
            (
                "https://h.example/a.png?hash=s&expires=1",
                Some("https://h.example/a.png"),
            ),
            (
                "https://h.example/a.png?st=s&e=1",
                Some("https://h.example/a.png"),
            ),
            (
                "https://a.fbcdn.net/a.jpg?stp=x&oh=s&oe=1",
                Some("https://a.fbcdn.net/a.jpg?stp=x"),
            ),
            (
                "https://a.imgix.net/a.png?w=3&ixlib=js-1&s=s",
                Some("https://a.imgix.net/a.png?w=3"),
            ),
            ("https://h.example/a.png?md5=s", None),
            ("https://h.example/a.png?user=u&pass=s", None),
            ("https://h.example/a.png?sid=s", None),
            ("https://h.example/a.png?PHPSESSID=s", None),
            ("https://h.example/a.png?session_id=s", None),
            ("https://h.example/a.png?ticket=s", None),
            ("https://h.example/a.png?verify=1-s", None),
            ("https://h.example/a.png?TOKEN=s", None),
            ("https://h.example/a.png?tokens=4", None),
            ("https://h.example/a.png?key=AIza", None),
            ("https://h.example/a.png?code=s&size=2", None),
            ("https://h.example/a.png?subscription-key=s", None),
            ("https://h.example/a.png?tempauth=s", None),
            ("https://h.example/a.png?a=1;x-url-sig=s", None),
            ("https://h.example/a.png?id=1&clientSecret=s", None),
            ("https://h.example/a.png?user_password_2=s", None),
            (
                "https://h.example/a.png?mysignature=s&X-Amz-Signature=t",
                None,
            ),
            ("https://h.example/a.png#access_token=s", None),
            ("https://h.example/a.png?size=2#/view?sig=s", None),
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
            "https://h.example/a.png?id=3&sp=1&design=b&%zz&codec=a&author=c",
            "https://h.example/@user/a?expires=1",
            "https://h.example/a.png?hash=abc&h=30&s=80&st=1&oh=2",
            "https://h.example/a.png?passage=1&inside=2&e=3",
            "https://images.example/a?w=1080&q=80&fm=jpg&crop=entropy&ixid=a&fit=max",
        ] {
            let url = MediaUrl::new(url).unwrap();
            assert!(!has_secrets(&url), "{}", url.as_str());
            assert_eq!(object_url(&url), Some(url));
        }
    }
}
