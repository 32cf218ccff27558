//! How long media is kept.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How long media is kept. Times count from when it was stored.
///
/// Written as `retain`, `delete`, `delete-after-<n>min`, `retain-<n>hours`, `retain-<n>days`.
///
/// ```
/// use media_storage::RetentionPolicy;
/// let policy: RetentionPolicy = "retain-30days".parse()?;
/// assert_eq!(policy, RetentionPolicy::RetainDays(30));
/// assert_eq!(policy.to_string(), "retain-30days");
/// # Ok::<(), media_storage::RetentionError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RetentionPolicy {
    /// Until it is deleted.
    #[default]
    Retain,
    /// Until the conversation ends or is deleted.
    Delete,
    /// For a number of minutes.
    DeleteAfterMinutes(u32),
    /// For a number of hours.
    RetainHours(u32),
    /// For a number of days of 24 hours.
    RetainDays(u32),
}

impl RetentionPolicy {
    /// Returns when media that was stored at `stored_at` expires, or `None` for `Retain` and `Delete`.
    pub fn expires_at(self, stored_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let after = match self {
            Self::Retain | Self::Delete => return None,
            Self::DeleteAfterMinutes(n) => TimeDelta::minutes(n.into()),
            Self::RetainHours(n) => TimeDelta::hours(n.into()),
            Self::RetainDays(n) => TimeDelta::days(n.into()),
        };
        Some(
            stored_at
                .checked_add_signed(after)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
        )
    }
}

impl fmt::Display for RetentionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retain => f.write_str("retain"),
            Self::Delete => f.write_str("delete"),
            Self::DeleteAfterMinutes(n) => write!(f, "delete-after-{n}min"),
            Self::RetainHours(n) => write!(f, "retain-{n}hours"),
            Self::RetainDays(n) => write!(f, "retain-{n}days"),
        }
    }
}

/// Error returned when text is not a retention policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid retention policy: expected retain, delete, delete-after-<n>min, retain-<n>hours or retain-<n>days"
)]
#[non_exhaustive]
pub struct RetentionError;

impl FromStr for RetentionPolicy {
    type Err = RetentionError;

    fn from_str(s: &str) -> Result<Self, RetentionError> {
        let number = |prefix: &str, suffix: &str| -> Option<u32> {
            let digits = s.strip_prefix(prefix)?.strip_suffix(suffix)?;
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        };
        match s {
            "retain" => Ok(Self::Retain),
            "delete" => Ok(Self::Delete),
            _ => number("delete-after-", "min")
                .map(Self::DeleteAfterMinutes)
                .or_else(|| number("retain-", "hours").map(Self::RetainHours))
                .or_else(|| number("retain-", "days").map(Self::RetainDays))
                .ok_or(RetentionError),
        }
    }
}

impl Serialize for RetentionPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RetentionPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_go_through_text() {
        for text in [
            "retain",
            "delete",
            "delete-after-5min",
            "retain-0hours",
            "retain-4294967295days",
        ] {
            assert_eq!(text.parse::<RetentionPolicy>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "Retain",
            "delete-after-min",
            "delete-after-+5min",
            "retain-5",
            "retain-4294967296days",
            "retain--1days",
        ] {
            assert_eq!(bad.parse::<RetentionPolicy>(), Err(RetentionError), "{bad}");
        }
    }

    #[test]
    fn expiry_counts_from_the_time_of_store() {
        let at = DateTime::<Utc>::from_timestamp(1_700_000_000, 0).unwrap();
        assert_eq!(RetentionPolicy::Retain.expires_at(at), None);
        assert_eq!(
            RetentionPolicy::RetainHours(2).expires_at(at),
            Some(at + TimeDelta::hours(2))
        );
        assert_eq!(
            RetentionPolicy::RetainDays(u32::MAX).expires_at(DateTime::<Utc>::MAX_UTC),
            Some(DateTime::<Utc>::MAX_UTC)
        );
    }
}
