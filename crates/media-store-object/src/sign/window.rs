//! From when to when a URL is valid.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use media_storage::{StorageError, StorageErrorKind};

use super::failed;
use crate::connection::SigningRequest;

/// Signed as of `start`, valid until `expires`.
///
/// All moments of a window give the same value. A window is half as long as the validity, so that at
/// least half of it is left, and begins at the same moment on every node whose clock is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Window {
    pub(super) start: DateTime<Utc>,
    pub(super) expires: DateTime<Utc>,
}

impl Window {
    /// The window of a request. `longest` is how long the credential is known to live from any
    /// moment on, `not_after` when it ends.
    ///
    /// # Errors
    /// `NotFound` where the media has expired, `Config` where the credential has.
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
        // Services count in seconds; a part of one would be a second too late.
        let whole = |time: DateTime<Utc>| DateTime::from_timestamp(time.timestamp(), 0);
        if let Some(end) = request.not_after.and_then(whole) {
            expires = expires.min(end);
            if expires <= request.now {
                return Err(failed(StorageErrorKind::NotFound, "it has expired"));
            }
        }
        if let Some(end) = not_after.and_then(whole) {
            expires = expires.min(end);
            if expires <= request.now {
                return Err(failed(
                    StorageErrorKind::Config,
                    "the temporary credential has expired",
                ));
            }
        }
        Ok(Self { start, expires })
    }

    /// How long it is, in seconds: at least one.
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
    fn all_moments_of_a_window_are_one() {
        let first = of("2026-01-02T03:00:00Z", 900);
        assert_eq!(first, of("2026-01-02T03:07:29.999Z", 900));
        assert_ne!(first, of("2026-01-02T03:07:30Z", 900));
        assert_eq!(first.expires.to_rfc3339(), "2026-01-02T03:15:00+00:00");
    }

    #[test]
    fn half_is_left_and_nothing_beyond() {
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
    fn neither_media_nor_credential_is_outlived() {
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
