//! Sizes, counts, durations and times, as people write and read them.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat, TimeDelta, Utc};

pub(crate) use media_types::readable::{count as human_count, counted, size as human_bytes};

/// Returns how much of a whole a part is: `37 %`.
pub(crate) fn human_share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0 %".to_owned();
    }
    format!("{} %", u128::from(part) * 100 / u128::from(whole))
}

/// Returns a time for people, to the minute: `2026-01-02 03:04`.
pub(crate) fn human_time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

/// Returns a time for programs: RFC 3339 with milliseconds.
pub(crate) fn exact_time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads a size: `500`, `10k`, `1.5MiB`, `2 GB`. Units are powers of 1024, except `kB`, `MB`, `GB`
/// and `TB`, which are powers of 1000.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim();
    let factor: u64 = match unit {
        "" | "B" | "b" => 1,
        "k" | "K" | "KiB" => 1 << 10,
        "m" | "M" | "MiB" => 1 << 20,
        "g" | "G" | "GiB" => 1 << 30,
        "t" | "T" | "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => {
            return Err(format!(
                "unknown unit {unit:?}; use k, M, G, T or KiB, MB ..."
            ));
        }
    };
    let bad = || "expected a size such as 500, 10k or 1.5GiB".to_owned();
    if let Ok(whole) = number.parse::<u64>() {
        return whole
            .checked_mul(factor)
            .ok_or_else(|| "too large".to_owned());
    }
    let fraction: f64 = number.parse().map_err(|_| bad())?;
    #[allow(clippy::cast_precision_loss)]
    let bytes = fraction * factor as f64;
    if !bytes.is_finite() || bytes >= 9e18 {
        return Err("too large".to_owned());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Ok(bytes as u64)
}

/// Reads a duration: `90s`, `15m`, `24h`, `30d`, `8w`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number
        .parse()
        .map_err(|_| "expected a duration such as 90s, 15m, 24h, 30d or 8w".to_owned())?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "" => return Err("a unit is missing: s, m, h, d or w".to_owned()),
        other => return Err(format!("unknown unit {other:?}; use s, m, h, d or w")),
    };
    let seconds = number.checked_mul(seconds).ok_or("too long")?;
    if seconds > 100 * 365 * 86_400 {
        return Err("longer than 100 years".to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

/// Reads a point in time: an RFC 3339 time, a date (its start in UTC), or a duration before now.
pub(crate) fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(date.and_time(chrono::NaiveTime::MIN).and_utc());
    }
    let ago = parse_duration(text).map_err(|_| {
        "expected a time such as 2026-01-31, 2026-01-31T12:00:00Z or 7d (that long ago)".to_owned()
    })?;
    let ago = TimeDelta::from_std(ago).map_err(|error| error.to_string())?;
    Ok(Utc::now() - ago)
}

/// Reads a percentage from 1 to 100, with or without the sign.
pub(crate) fn parse_percent(text: &str) -> Result<u8, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<u8>() {
        Ok(percent) if (1..=100).contains(&percent) => Ok(percent),
        _ => Err("expected a percentage from 1 to 100, such as 10%".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_written_in_percent() {
        assert_eq!(human_share(1, 3), "33 %");
        assert_eq!(human_share(u64::MAX, u64::MAX), "100 %");
    }

    #[test]
    fn sizes_are_read_back() {
        for (text, bytes) in [
            ("500", 500),
            ("10k", 10_240),
            ("1.5MiB", 1_572_864),
            ("2 GB", 2_000_000_000),
            ("0", 0),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for bad in ["", "k", "-1", "1x", "1.2.3M", "99999999T", "1e9"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_dates_or_how_long_ago() {
        let at = |text: &str| parse_time(text).map(exact_time);
        assert_eq!(at("2026-01-31").unwrap(), "2026-01-31T00:00:00.000Z");
        assert_eq!(
            at("2026-01-31T12:00:00+02:00").unwrap(),
            "2026-01-31T10:00:00.000Z"
        );
        let week = Utc::now() - parse_time("7d").unwrap();
        assert!((week - TimeDelta::days(7)).num_seconds().abs() < 5);
        for bad in ["", "yesterday", "7", "2026-13-01", "9999999w"] {
            assert!(parse_time(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_duration("24h"), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse_percent("10%"), Ok(10));
        assert!(parse_percent("0").is_err() && parse_percent("101%").is_err());
    }
}
