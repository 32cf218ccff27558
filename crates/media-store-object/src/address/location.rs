//! The location of a bucket in a URL.

use media_storage::StorageError;
use object_store::path::Path;

use crate::error::config_error;

/// Maximum length of a prefix, in bytes. The rest of the 1024 bytes of a key is for names.
const MAX_PREFIX_LEN: usize = 512;

/// Protocol of the bucket's service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    S3,
    Gcs,
    Azure,
}

impl Service {
    /// Returns the name of the backend in references and errors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gcs => "gcs",
            Self::Azure => "azure",
        }
    }

    fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "s3" | "s3a" => Some(Self::S3),
            "gs" | "gcs" => Some(Self::Gcs),
            "az" | "azure" | "abfs" | "abfss" => Some(Self::Azure),
            _ => None,
        }
    }

    fn bucket_noun(self) -> &'static str {
        match self {
            Self::Azure => "container",
            _ => "bucket",
        }
    }
}

/// A bucket and the prefix of all keys in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) service: Service,
    /// Name of the bucket, or of the container on Azure.
    pub(crate) bucket: String,
    pub(crate) prefix: Path,
    /// The storage account, if an Azure URL names one.
    pub(crate) account: Option<String>,
    /// The endpoint of the account, if an Azure URL names a host outside of the public cloud.
    pub(crate) endpoint: Option<String>,
}

impl Location {
    /// Parses `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`,
    /// `abfss://container@account.dfs.core.windows.net/prefix` or
    /// `https://account.blob.core.windows.net/container/prefix`.
    ///
    /// The prefix is used as it is written; nothing in it is decoded.
    ///
    /// # Errors
    /// `Config` if a part of the URL is missing or not valid. The error never repeats a part of the
    /// URL that can be a credential.
    pub(crate) fn parse(url: &str) -> Result<Self, StorageError> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(config_error(
                "the URL has no scheme; write s3://bucket/prefix, gs://bucket/prefix or \
                 az://container/prefix",
            ));
        };
        if rest.contains(['?', '#']) {
            return Err(config_error(
                "the URL has a query or a fragment, which is not supported; set options one by one",
            ));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let scheme = scheme.to_ascii_lowercase();
        match Service::of_scheme(&scheme) {
            Some(service) => Self::of_bucket(service, authority, path),
            None if scheme == "https" || scheme == "http" => Self::of_account_host(authority, path),
            None if scheme == "file" => Err(config_error(
                "file:// is not an object store; for a directory use the crate media-store-fs",
            )),
            // The scheme is not repeated: in `id:secret@s3://bucket` it contains a secret.
            None => Err(config_error(
                "the scheme of the URL is unknown; s3, gs, az, abfs and abfss are supported",
            )),
        }
    }

    /// `scheme://bucket/prefix` and `abfss://container@account.host/prefix`.
    fn of_bucket(service: Service, authority: &str, path: &str) -> Result<Self, StorageError> {
        let (bucket, host) = match authority.split_once('@') {
            Some((bucket, host)) if service == Service::Azure && !bucket.contains(':') => {
                (bucket, Some(host))
            }
            Some(_) => {
                return Err(config_error(
                    "the URL carries credentials; set them as options or in the environment",
                ));
            }
            None => (authority, None),
        };
        let (account, endpoint) = match host {
            Some(host) => account_of(host)?,
            None => (None, None),
        };
        Ok(Self {
            service,
            bucket: checked_bucket(service, bucket)?,
            prefix: checked_prefix(path)?,
            account,
            endpoint,
        })
    }

    /// `https://account.blob.core.windows.net/container/prefix`.
    fn of_account_host(authority: &str, path: &str) -> Result<Self, StorageError> {
        let is_blob_host = authority.contains(".blob.") || authority.contains(".dfs.");
        if authority.contains('@') || !is_blob_host {
            return Err(config_error(
                "an https URL must name an Azure storage account; for another service write \
                 s3://bucket or gs://bucket and set its address as the option endpoint",
            ));
        }
        let (account, endpoint) = account_of(authority)?;
        let (container, prefix) = path.split_once('/').unwrap_or((path, ""));
        Ok(Self {
            service: Service::Azure,
            bucket: checked_bucket(Service::Azure, container)?,
            prefix: checked_prefix(prefix)?,
            account,
            endpoint,
        })
    }
}

/// Returns the account in a host like `account.blob.core.windows.net`, and the endpoint if it is not
/// the default one.
fn account_of(host: &str) -> Result<(Option<String>, Option<String>), StorageError> {
    let Some((account, domain)) = host.split_once('.').filter(|(name, _)| !name.is_empty()) else {
        return Err(config_error(
            "the URL names no storage account; write account.blob.core.windows.net",
        ));
    };
    let domain = domain.replacen("dfs.", "blob.", 1);
    let endpoint =
        (domain != "blob.core.windows.net").then(|| format!("https://{account}.{domain}"));
    Ok((Some(account.to_owned()), endpoint))
}

fn checked_bucket(service: Service, bucket: &str) -> Result<String, StorageError> {
    let noun = service.bucket_noun();
    if bucket.is_empty() {
        return Err(config_error(format!("the URL names no {noun}")));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.$".contains(c);
    if bucket.len() > 222 || !bucket.chars().all(allowed) || bucket.chars().all(|c| c == '.') {
        return Err(config_error(format!(
            "the URL has no valid name of a {noun}"
        )));
    }
    Ok(bucket.to_owned())
}

fn checked_prefix(path: &str) -> Result<Path, StorageError> {
    let prefix = path.strip_suffix('/').unwrap_or(path);
    if prefix.is_empty() {
        return Ok(Path::default());
    }
    if prefix.len() > MAX_PREFIX_LEN {
        return Err(config_error(format!(
            "the prefix is longer than {MAX_PREFIX_LEN} bytes"
        )));
    }
    if prefix.contains('\\') || prefix.chars().any(char::is_control) {
        return Err(config_error(
            "the prefix contains a backslash or a control character",
        ));
    }
    for segment in prefix.split('/') {
        let reason = match segment {
            "" => "the prefix has an empty segment (two slashes in a row)",
            "." | ".." => "the prefix has a segment `.` or `..`",
            ".store" => "the prefix has a segment `.store`, which is reserved",
            _ => continue,
        };
        return Err(config_error(reason));
    }
    Path::parse(prefix).map_err(|_| config_error("the prefix is not a valid path of an object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Location {
        Location::parse(url).unwrap()
    }

    fn reason(url: &str) -> String {
        let error = Location::parse(url).unwrap_err();
        assert_eq!(error.kind(), media_storage::StorageErrorKind::Config);
        error.to_string()
    }

    #[test]
    fn the_schemes_name_service_bucket_and_prefix() {
        for (url, service, bucket, prefix) in [
            ("s3://media", Service::S3, "media", ""),
            ("S3://media/", Service::S3, "media", ""),
            ("s3a://media/a/b/", Service::S3, "media", "a/b"),
            (
                "gs://my_bucket.example/x y",
                Service::Gcs,
                "my_bucket.example",
                "x y",
            ),
            ("az://photos/%2e", Service::Azure, "photos", "%2e"),
        ] {
            let location = parse(url);
            assert_eq!(location.service, service, "{url}");
            assert_eq!(location.bucket, bucket, "{url}");
            assert_eq!(location.prefix.as_ref(), prefix, "{url}");
            assert_eq!((location.account, location.endpoint), (None, None), "{url}");
        }
    }

    #[test]
    fn azure_urls_may_name_the_account() {
        let location = parse("abfss://photos@acme.dfs.core.windows.net/a");
        assert_eq!(location.account.as_deref(), Some("acme"));
        assert_eq!(
            (location.bucket.as_str(), location.endpoint),
            ("photos", None)
        );
        let location = parse("https://acme.blob.core.windows.net/photos/a/b");
        assert_eq!(location.account.as_deref(), Some("acme"));
        assert_eq!(
            (location.bucket.as_str(), location.prefix.as_ref()),
            ("photos", "a/b")
        );
        let location = parse("abfss://photos@acme.dfs.core.chinacloudapi.cn");
        assert_eq!(
            location.endpoint.as_deref(),
            Some("https://acme.blob.core.chinacloudapi.cn")
        );
    }

    #[test]
    fn errors_are_one_sentence_that_names_the_cause() {
        for (url, word) in [
            ("media/photos", "no scheme"),
            ("s3://", "no bucket"),
            ("az:///x", "no container"),
            ("ftp://media", "scheme of the URL is unknown"),
            ("file:///tmp", "media-store-fs"),
            ("https://minio.example:9000/media", "option endpoint"),
            ("https://acme.blob.core.windows.net/", "no container"),
            ("s3://media?region=eu", "query"),
            ("s3://me dia", "no valid name of a bucket"),
            ("s3://..", "no valid name of a bucket"),
            ("s3://media/a/../b", "`..`"),
            ("s3://media/a//b", "empty segment"),
            ("s3://media//a", "empty segment"),
            ("s3://media/a\\b", "backslash"),
            ("s3://media/a\nb", "control"),
            ("s3://media/a/.store", "reserved"),
        ] {
            let reason = reason(url);
            assert!(reason.contains(word), "{url}: {reason}");
        }
        assert!(reason(&format!("s3://media/{}", "x".repeat(513))).contains("512"));
    }

    #[test]
    fn no_spelling_of_credentials_in_a_url_is_repeated() {
        for url in [
            "s3://AKIA1:hun-ter2@media/x",
            "s3://AKIA1:hun-ter2@media",
            "s3://AKIA1:hun-/ter2@media/x",
            "s3://AKIA1:/hun-ter2@media/x",
            "s3://AKIA1:hun-%2Fter2@media/x",
            "s3://AKIA1:hun-+ter2=@media",
            "s3://:hun-ter2@media",
            "s3://hun-ter2@media",
            "s3://AKIA1:hun-ter2",
            "s3://AKIA1:hun-ter2\n@media",
            "s3://AKIA1:hun-ter2@",
            "s3://media?secret_access_key=hun-ter2",
            "s3://media#hun-ter2",
            "s3://AKIA1:hun-#ter2@media",
            "s3:AKIA1:hun-ter2@media",
            "AKIA1:hun-ter2@s3://media",
            "hun-ter2://media",
            "gs://AKIA1:hun-/ter2@media",
            "az://a:hun-ter2@acme.blob.core.windows.net",
            "az://a:hun-/ter2@acme.blob.core.windows.net",
            "abfss://AKIA1:hun-ter2@acme.dfs.core.windows.net/x",
            "abfss://photos@AKIA1:hun-ter2@",
            "https://AKIA1:hun-ter2@s3.example/media",
            "https://AKIA1:hun-/ter2@s3.example/media",
            "https://AKIA1:hun-/ter2@acme.blob.core.windows.net/media",
            "file://AKIA1:hun-ter2@media",
        ] {
            let reason = reason(url);
            for part in ["hun-", "ter2", "AKIA1"] {
                assert!(!reason.contains(part), "{url:?}: {reason}");
            }
        }
    }
}
