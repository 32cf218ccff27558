//! What it takes to reach a bucket, and what comes of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use media_storage::{SignedUrl, StorageError};
use object_store::ObjectStore;
use object_store::path::Path;

/// Where a bucket is and how to get in, as the user said it.
#[derive(Clone, Default)]
pub(crate) struct ConnectSettings {
    /// `s3://bucket/prefix` and the like.
    pub(crate) url: Option<String>,
    /// Explicit options, in the order in which they were given.
    pub(crate) options: Vec<(String, String)>,
    /// Whether the environment is asked for what no option says.
    pub(crate) environment: bool,
    /// The endpoint that signed URLs name, where it is not the one that the store uses.
    pub(crate) public_endpoint: Option<String>,
}

impl fmt::Debug for ConnectSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.options.iter().map(|(key, _)| key.as_str()).collect();
        f.debug_struct("ConnectSettings")
            .field("options", &names)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

/// A bucket that can be reached.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The bucket.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The ability to sign, where there is one.
    pub(crate) signer: Option<Arc<dyn Signing>>,
    /// The word for the kind of store in references.
    pub(crate) backend: Cow<'static, str>,
    /// What all keys begin with; the root for none.
    pub(crate) prefix: Path,
}

/// Signs URLs of single objects.
#[async_trait]
pub(crate) trait Signing: fmt::Debug + Send + Sync {
    /// A URL under which anybody may read the object for a while.
    async fn sign(
        &self,
        object: &Path,
        request: &SigningRequest,
    ) -> Result<SignedUrl, StorageError>;
}

/// What the answer to a signed URL is to look like.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(any(feature = "aws", feature = "azure", feature = "gcp")),
    allow(dead_code, reason = "nothing is there that signs")
)]
pub(crate) struct SigningRequest {
    /// What time it is.
    pub(crate) now: DateTime<Utc>,
    /// How long the URL is to work.
    pub(crate) validity: Duration,
    /// When the media expires; the URL ends with it.
    pub(crate) not_after: Option<DateTime<Utc>>,
    /// `Content-Type` of the answer.
    pub(crate) content_type: String,
    /// `Content-Disposition` of the answer.
    pub(crate) content_disposition: String,
}
