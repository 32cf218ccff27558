//! The validity of a signed URL.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use media_storage::{StorageError, StorageErrorKind};

use super::error::sign_error;
use super::signer::SigningRequest;
use crate::caching::cache_control;

/// A window of time: URLs are signed as of its start, and valid until `expires`.
///
/// All requests in a window get the same value. A window is half as long as the validity, so that at
/// least half of the validity is left, and starts at the same time on every node with a correct
/// clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Window {
    pub(super) start: DateTime<Utc>,
    pub(super) expires: DateTime<Utc>,
}

impl Window {
    /// Returns the window of a request. `longest` is the time for which the credential is certainly
    /// valid at any moment, `not_after` the end of its validity.
    ///
    /// # Errors
    /// `NotFound` if the media has expired, `Config` if the credential has expired.
    pub(super) fn of(
        request: &SigningRequest,
        longest: Option<Duration>,
        not_after: Option<DateTime<Utc>>,
    ) -> Result<Self, StorageError> {
        let validity = match longest {
            Some(longest) => request.validity.min(longest),
            None => request.validity,
        };
        let seconds = i64::try_from(validity.as_secs()).unwrap_or(i64::MAX).max(1);
        let step = (seconds / 2).max(1);
        let now = request.now.timestamp();
        let start = DateTime::from_timestamp(now - now.rem_euclid(step), 0).unwrap_or(request.now);
        let mut expires = start + TimeDelta::try_seconds(seconds).unwrap_or_default();
        // Services count in seconds; a fraction would be rounded up.
        let whole = |time: DateTime<Utc>| DateTime::from_timestamp(time.timestamp(), 0);
        if let Some(end) = request.not_after.and_then(whole) {
            expires = expires.min(end);
            if expires <= request.now {
                return Err(sign_error(
                    StorageErrorKind::NotFound,
                    "the media has expired",
                ));
            }
        }
        if let Some(end) = not_after.and_then(whole) {
            expires = expires.min(end);
            if expires <= request.now {
                return Err(sign_error(
                    StorageErrorKind::Config,
                    "the temporary credential has expired",
                ));
            }
        }
        Ok(Self { start, expires })
    }

    /// Returns the `Cache-Control` of the response. A response to the last possible request may be
    /// cached until the media expires, and no longer; this depends on the window only, so that URLs
    /// remain equal.
    pub(super) fn cache_control(self, request: &SigningRequest) -> String {
        let fresh_for = request
            .not_after
            .map(|end| (end - self.expires).to_std().unwrap_or_default());
        cache_control(fresh_for)
    }

    /// Returns the length in seconds, at least one.
    pub(super) fn seconds(self) -> i64 {
        (self.expires - self.start).num_seconds().max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(now: &str, seconds: u64) -> SigningRequest {
        SigningRequest {
            now: now.parse().unwrap(),
            validity: Duration::from_secs(seconds),
            not_after: None,
            content_type: String::new(),
            content_disposition: String::new(),
        }
    }

    fn of(now: &str, seconds: u64) -> Window {
        Window::of(&request(now, seconds), None, None).unwrap()
    }

    #[test]
    fn all_requests_in_a_window_are_equal() {
        let first = of("2026-01-02T03:00:00Z", 900);
        assert_eq!(first, of("2026-01-02T03:07:29.999Z", 900));
        assert_ne!(first, of("2026-01-02T03:07:30Z", 900));
        assert_eq!(first.expires.to_rfc3339(), "2026-01-02T03:15:00+00:00");
    }

    #[test]
    fn at_least_half_of_the_validity_is_left() {
        for seconds in [2, 3, 10, 900, 604_800] {
            for offset in 0..50 {
                let now = DateTime::from_timestamp(1_770_000_000 + offset * 37, 0).unwrap();
                let mut request = request("2026-01-01T00:00:00Z", seconds);
                request.now = now;
                let window = Window::of(&request, None, None).unwrap();
                let left = (window.expires - now).num_seconds();
                let seconds = seconds as i64;
                assert!(left <= seconds && left * 2 >= seconds, "{seconds}: {left}");
            }
        }
        assert_eq!(of("2026-01-01T00:00:00.5Z", 1).seconds(), 1);
    }

    #[test]
    fn responses_are_not_cached_beyond_the_expiry_of_the_media() {
        let mut request = request("2026-01-02T03:00:00Z", 900);
        let cached = |request: &SigningRequest| {
            let window = Window::of(request, None, None).unwrap();
            window.cache_control(request)
        };
        assert_eq!(cached(&request), "private, max-age=31536000, immutable");
        // The URL expires at 03:15.
        request.not_after = Some("2026-01-02T03:25:00Z".parse().unwrap());
        assert_eq!(cached(&request), "private, max-age=600, immutable");
        request.not_after = Some("2026-01-02T03:05:00Z".parse().unwrap());
        assert_eq!(cached(&request), "private, no-cache");
    }

    #[test]
    fn urls_outlive_neither_media_nor_credential() {
        let mut limited = request("2026-01-02T03:00:10Z", 900);
        let end: DateTime<Utc> = "2026-01-02T03:05:00.9Z".parse().unwrap();
        let window = Window::of(&limited, None, Some(end)).unwrap();
        assert_eq!(window.expires.to_rfc3339(), "2026-01-02T03:05:00+00:00");
        let window = Window::of(&limited, Some(Duration::from_secs(300)), None).unwrap();
        assert!(window.expires - limited.now <= TimeDelta::seconds(300));
        limited.not_after = Some(end);
        assert_eq!(
            Window::of(&limited, None, None)
                .unwrap()
                .expires
                .to_rfc3339(),
            "2026-01-02T03:05:00+00:00"
        );
        limited.now = "2026-01-02T03:05:00Z".parse().unwrap();
        let kind = |result: Result<Window, StorageError>| result.unwrap_err().kind();
        assert_eq!(
            kind(Window::of(&limited, None, None)),
            StorageErrorKind::NotFound
        );
        limited.not_after = None;
        assert_eq!(
            kind(Window::of(&limited, None, Some(end))),
            StorageErrorKind::Config
        );
    }
}
