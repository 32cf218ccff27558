//! Addresses of services.

use media_storage::StorageError;

use crate::error::config_error;

/// A parsed address `https://host:port/path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) https: bool,
    /// Host, and the port if it is not the default of the scheme.
    pub(crate) authority: String,
    /// Empty, or a path that begins with a slash and does not end with one.
    pub(crate) path: String,
}

impl Endpoint {
    /// Parses an address; `what` is the name of the setting.
    ///
    /// # Errors
    /// `Config` with the name of the setting and the cause. The address is never repeated.
    pub(crate) fn parse(what: &str, text: &str) -> Result<Self, StorageError> {
        let refuse = |reason: &str| Err(config_error(format!("the {what} {reason}")));
        let Some((scheme, rest)) = text.trim().split_once("://") else {
            return refuse("has no scheme; write https:// before it");
        };
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return refuse("begins with neither https:// nor http://"),
        };
        if rest.contains('@') {
            return refuse("carries credentials; set them as options or in the environment");
        }
        if rest.contains(['?', '#']) {
            return refuse("has a query or a fragment");
        }
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let default_port = if https { ":443" } else { ":80" };
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
        if authority.is_empty() || authority.starts_with(':') || !authority.chars().all(allowed) {
            return refuse("names no host");
        }
        let path = path.trim_end_matches('/');
        if path.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return refuse("has a space or a control character");
        }
        Ok(Self {
            https,
            authority: authority.to_ascii_lowercase(),
            path: path.to_owned(),
        })
    }

    /// Returns an error if the address is plain HTTP and this is not allowed.
    pub(crate) fn allowed(self, what: &str, allow_http: bool) -> Result<Self, StorageError> {
        if self.https || allow_http {
            return Ok(self);
        }
        Err(config_error(format!(
            "the {what} is plain http; use https, or set the option allow_http to true"
        )))
    }

    /// Returns the address with the bucket as the first label of the host.
    pub(crate) fn of_bucket(mut self, bucket: &str) -> Self {
        if !self.authority.starts_with(&format!("{bucket}.")) {
            self.authority = format!("{bucket}.{}", self.authority);
        }
        self
    }

    /// Returns scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    /// Returns the whole address, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_cause_and_repeat_nothing() {
        for (text, word) in [
            ("minio.example:9000", "no scheme"),
            ("ftp://x", "neither"),
            ("https://", "names no host"),
            ("https://:9000", "names no host"),
            ("https://a:hunter2@x", "credentials"),
            ("https://x/?token=hunter2", "query"),
            ("https://a b", "names no host"),
        ] {
            let error = Endpoint::parse("endpoint", text).unwrap_err().to_string();
            assert!(
                error.contains(word) && error.contains("the endpoint"),
                "{text}: {error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
        }
        let http = Endpoint::parse("endpoint", "http://localhost:9000/").unwrap();
        let error = http
            .clone()
            .allowed("endpoint", false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("allow_http"), "{error}");
        assert_eq!(
            http.allowed("endpoint", true).unwrap().url(),
            "http://localhost:9000"
        );
    }

    #[test]
    fn a_bucket_is_added_to_the_host_once() {
        let endpoint = |url| {
            Endpoint::parse("endpoint", url)
                .unwrap()
                .of_bucket("media")
                .url()
        };
        assert_eq!(
            endpoint("https://S3.example:443/"),
            "https://media.s3.example"
        );
        assert_eq!(
            endpoint("https://media.s3.example"),
            "https://media.s3.example"
        );
    }
}
