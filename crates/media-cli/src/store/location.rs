//! Where a store is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A directory, or a bucket by its URL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// A directory.
    Directory(PathBuf),
    /// `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix` and the like.
    Bucket(String),
}

impl FromStr for Location {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("expected a directory or the URL of a bucket".to_owned());
        }
        match text.split_once("://") {
            None => Ok(Self::Directory(text.into())),
            Some(("file", path)) if path.starts_with('/') => Ok(Self::Directory(path.into())),
            Some(("file", _)) => Err("a file:// URL needs an absolute path".to_owned()),
            Some(_) => Ok(Self::Bucket(text.to_owned())),
        }
    }
}

impl fmt::Display for Location {
    /// Writes the place. A URL that may carry credentials is reduced to its scheme.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => {
                write!(f, "{}", crate::output::escaped(&path.to_string_lossy()))
            }
            Self::Bucket(url) if url.contains(['?', '#']) || has_user(url) => {
                let scheme = url.split("://").next().unwrap_or_default();
                write!(f, "{}://[hidden]", crate::output::escaped(scheme))
            }
            Self::Bucket(url) => f.write_str(&crate::output::escaped(url)),
        }
    }
}

/// Whether something stands before an `@` that is not the container of an Azure URL.
fn has_user(url: &str) -> bool {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    match rest.rsplit_once('@') {
        None => false,
        Some((before, _)) => {
            let azure = matches!(scheme, "abfs" | "abfss" | "az" | "azure");
            !azure || before.contains([':', '/', '@'])
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_buckets_are_told_apart() {
        let parse = |text: &str| text.parse::<Location>();
        assert_eq!(parse("media"), Ok(Location::Directory("media".into())));
        assert_eq!(parse("file:///a b"), Ok(Location::Directory("/a b".into())));
        assert_eq!(parse("s3://b/p"), Ok(Location::Bucket("s3://b/p".into())));
        assert!(parse("").is_err() && parse("file://host/x").is_err());
    }

    #[test]
    fn credentials_in_a_url_are_never_shown() {
        for url in [
            "s3://AKIA:hunter2@bucket/x",
            "s3://AKIA:hun/ter2@bucket",
            "s3://hunter2@bucket",
            "az://a:hunter2@acme.blob.core.windows.net",
            "https://acme.blob.core.windows.net/c?sig=hunter2",
            "s3://bucket/x#hunter2",
        ] {
            let shown = url.parse::<Location>().unwrap().to_string();
            assert!(!shown.contains("hun") && !shown.contains("AKIA"), "{shown}");
        }
        let plain = "abfss://photos@acme.dfs.core.windows.net/a";
        assert_eq!(plain.parse::<Location>().unwrap().to_string(), plain);
    }
}
