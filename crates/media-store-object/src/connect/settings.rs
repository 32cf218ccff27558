//! Where a bucket is and how to reach it, as the user wrote it.

use std::fmt;

use secrecy::SecretString;

/// Where a bucket is and how to reach it, as the user wrote it.
#[derive(Clone, Default)]
pub(crate) struct ConnectSettings {
    /// The URL of the bucket.
    pub(crate) url: Option<String>,
    /// Explicit options, in the order in which they were given.
    pub(crate) options: Vec<(String, SecretString)>,
    /// Whether options that are not given are read from the environment.
    pub(crate) environment: bool,
    /// Whether no request is repeated, whatever the options say.
    pub(crate) single_requests: bool,
    /// The endpoint in signed URLs, if it differs from that of the store.
    pub(crate) public_endpoint: Option<String>,
}

/// Values may be secret, and a secret may stand in place of a name; only their number is shown.
impl fmt::Debug for ConnectSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectSettings")
            .field("options", &self.options.len())
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}
