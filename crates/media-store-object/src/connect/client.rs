//! The HTTP client: timeouts and retries.

use std::time::Duration;

use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::options::Options;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long nothing may arrive. It also covers sending a request and waiting for its answer, which
/// for a part of 8 MiB is enough from 140 KB/s on.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_RETRIES: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(120);

/// A timeout is for progress, never for a whole body: media may be large and links slow.
pub(super) fn client_options(options: &Options) -> ClientOptions {
    let defaults = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(READ_TIMEOUT);
    // Said once more by the options of the service where somebody says it; needed here too, as not
    // every service's builder begins with the same value.
    defaults.with_allow_http(options.flag("allow_http"))
}

/// Connections that fail, 429 and 5xx are tried again, with growing, random pauses.
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
