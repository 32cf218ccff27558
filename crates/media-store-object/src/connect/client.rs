//! Timeouts and retries of the HTTP client.

use std::time::Duration;

use media_storage::StorageError;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::options::Options;
use crate::error::config_error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may make no progress. This includes sending a request and waiting for the
/// response: a part of 8 MiB needs at least 140 KB/s.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_RETRIES: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(120);

/// Timeouts are for progress and never for a whole body, since media can be large and links slow.
pub(super) fn client_options(options: &Options) -> ClientOptions {
    let defaults = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(READ_TIMEOUT);
    // The builders of the services begin with different values.
    defaults.with_allow_http(options.flag("allow_http"))
}

/// Failed connections and the statuses 429 and 5xx are retried with exponential backoff and jitter.
pub(super) fn retries(options: &Options) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        },
        max_retries: options.count("max_retries").unwrap_or(MAX_RETRIES),
        retry_timeout: options.duration("retry_timeout").unwrap_or(RETRY_TIMEOUT),
    }
}

/// Converts an error of building a client. Its text can quote values of options and is dropped.
pub(super) fn refused(_: object_store::Error) -> StorageError {
    config_error("the options do not fit together, or one has a value that is not valid")
}
