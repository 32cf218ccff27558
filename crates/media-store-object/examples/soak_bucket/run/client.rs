//! How the bucket is asked: by the store, and beneath it.

use std::time::Duration;

use media_storage::{MediaStorage as _, RetrieveOptions};
use media_storage::{RetentionPolicy, Scope, StorageError};
use media_store_object::{ObjectMediaStore, ProtocolVersion};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use crate::run::journal::Held;
use crate::run::services::Access;
use crate::run::{Protocol, Result};

/// What all names in the bucket begin with.
pub(crate) const PREFIX: &str = "soak";

/// Shorter than the longest delay of the proxy, so that requests are given up and take effect all
/// the same.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a request is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retries {
    /// Calls fail at once and leave outcomes that nobody knows.
    None,
    Few,
}

impl Retries {
    fn count(self) -> usize {
        match self {
            Self::None => 0,
            Self::Few => 2,
        }
    }
}

/// The smallest there is.
const PART_SIZE: usize = 5 * 1024 * 1024;

pub(crate) async fn open(
    access: &Access,
    retries: Retries,
    protocol: Protocol,
) -> std::result::Result<ObjectMediaStore, StorageError> {
    ObjectMediaStore::builder()
        .with_url(format!("s3://{}/{PREFIX}", access.bucket))
        .with_option("endpoint", &access.endpoint)
        .with_option("access_key_id", &access.key)
        .with_option("secret_access_key", &access.secret)
        .with_option("allow_http", "true")
        .with_option("read_timeout", format!("{}s", READ_TIMEOUT.as_secs()))
        .with_option("max_retries", retries.count().to_string())
        .with_option("retry_timeout", "10s")
        .with_part_size(PART_SIZE)
        .with_protocol(match protocol {
            Protocol::First => ProtocolVersion::First,
            Protocol::Second => ProtocolVersion::Second,
        })
        .with_deduplication(true)
        .build()
        .await
}

/// The bucket itself.
pub(crate) fn beneath(access: &Access) -> Result<AmazonS3> {
    let options = ClientOptions::new()
        .with_allow_http(true)
        .with_timeout_disabled()
        .with_read_timeout(READ_TIMEOUT);
    let retries = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: Retries::Few.count(),
        retry_timeout: Duration::from_secs(10),
    };
    let store = AmazonS3Builder::new()
        .with_client_options(options)
        .with_retry(retries)
        .with_endpoint(&access.endpoint)
        .with_region(test_servers::s3::REGION)
        .with_bucket_name(&access.bucket)
        .with_access_key_id(&access.key)
        .with_secret_access_key(&access.secret)
        .with_disable_bulk_delete(true)
        .build()?;
    Ok(store)
}

/// What came of reading.
#[derive(Debug)]
pub(crate) enum Verdict {
    Good,
    /// The service could not be asked.
    Unknown,
    Bad(String),
}

/// Whether a reference gives its bytes, and the retention of its last update.
pub(crate) async fn verify(store: &ObjectMediaStore, held: &Held, scope: Scope) -> Verdict {
    let Held {
        content,
        reference,
        days,
        ..
    } = held;
    let options = RetrieveOptions::new().with_expected_scope(scope);
    let read = async {
        let media = store.retrieve_opts(reference, options).await?;
        let retention = media.metadata.retention();
        Ok::<_, StorageError>((media.body.bytes(8 << 20).await?, retention))
    };
    match read.await {
        Ok((_, retention))
            if days.is_some_and(|days| retention != Some(RetentionPolicy::RetainDays(days))) =>
        {
            let id = reference.id();
            Verdict::Bad(format!(
                "{id} is kept {retention:?}, changed to {days:?} days"
            ))
        }
        Ok((bytes, _)) if bytes == content.bytes() => Verdict::Good,
        Ok(_) => Verdict::Bad(format!("{} has other bytes", reference.id())),
        Err(error) if error.is_retryable() => Verdict::Unknown,
        Err(error) => Verdict::Bad(format!("{} {content:?} {error:?}", reference.id())),
    }
}
