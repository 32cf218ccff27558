//! The validity of a link.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Longest validity, in seconds: 7 days.
const LONGEST: i64 = 7 * 24 * 3600;

/// Returns when a link expires that is signed now, in seconds since 1970.
///
/// Links that are signed within one window of half their validity are equal, on every node with a
/// correct clock, so that browsers and providers can cache by URL. At least half of the validity is left.
/// `None` for a validity of less than a second or more than 7 days, and for media that has expired.
pub(super) fn expiry(
    now: DateTime<Utc>,
    validity: Duration,
    media_expires_at: Option<DateTime<Utc>>,
) -> Option<i64> {
    let validity = i64::try_from(validity.as_secs()).ok()?;
    if !(1..=LONGEST).contains(&validity) {
        return None;
    }
    let step = (validity / 2).max(1);
    let now = now.timestamp();
    let mut expires = now - now.rem_euclid(step) + validity;
    if let Some(end) = media_expires_at {
        expires = expires.min(end.timestamp());
    }
    (expires > now).then_some(expires)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn the_end_of_media_is_the_end_of_its_links() {
        let hour = Duration::from_secs(3600);
        assert_eq!(expiry(at(7200), hour, Some(at(7300))), Some(7300));
        assert_eq!(expiry(at(7200), hour, Some(at(7200))), None);
        assert_eq!(expiry(at(7200), hour, Some(at(99_999))), Some(10_800));
        assert_eq!(expiry(at(7200), Duration::ZERO, None), None);
        assert_eq!(
            expiry(at(7200), Duration::from_secs(8 * 24 * 3600), None),
            None
        );
    }

    proptest! {
        #[test]
        fn half_of_the_validity_is_left(now in 0_i64..4_000_000_000, validity in 1_i64..=LONGEST) {
            let end = expiry(at(now), Duration::from_secs(validity.unsigned_abs()), None).unwrap();
            prop_assert!(end - now <= validity);
            prop_assert!(2 * (end - now) >= validity);
        }
    }
}
