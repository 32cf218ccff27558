//! `Cache-Control` of media.

use std::time::Duration;

/// The longest time for which media is cached: a year, as long as clients accept.
const MAX_AGE: Duration = Duration::from_secs(31_536_000);

/// Returns the `Cache-Control` of a response that may be cached for this time; `None` for media that
/// does not expire.
///
/// The bytes under a name never change, and are private to a user.
pub(crate) fn cache_control(fresh_for: Option<Duration>) -> String {
    match fresh_for.unwrap_or(MAX_AGE).min(MAX_AGE).as_secs() {
        0 => "private, no-cache".to_owned(),
        seconds => format!("private, max-age={seconds}, immutable"),
    }
}
