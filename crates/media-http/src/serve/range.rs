//! The header `Range`, by RFC 9110 section 14.

use std::ops::Range;

/// One range of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RangeSpec {
    /// From the first position to the last, or to the end.
    From(u64, Option<u64>),
    /// The last bytes.
    Suffix(u64),
}

impl RangeSpec {
    /// Reads the header. `None` where it is to be ignored: another unit, a syntax error, or several
    /// ranges, which a server may answer with the whole.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (unit, set) = header.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        let (first, last) = set.trim().split_once('-')?;
        let (first, last) = (first.trim_end(), last.trim_start());
        match (first, last) {
            ("", "") => None,
            ("", suffix) => number(suffix).map(Self::Suffix),
            (first, "") => number(first).map(|first| Self::From(first, None)),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// Returns the positions in media of a size, the end excluded; `None` if there are none.
    pub(super) fn resolve(self, size: u64) -> Option<Range<u64>> {
        match self {
            Self::From(first, _) if first >= size => None,
            Self::From(first, last) => {
                let end = last.map_or(size, |last| last.saturating_add(1).min(size));
                Some(first..end)
            }
            Self::Suffix(0) => None,
            Self::Suffix(_) if size == 0 => None,
            Self::Suffix(len) => Some(size.saturating_sub(len)..size),
        }
    }
}

/// Returns a number of digits alone. One that is too large is as good as the largest.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_the_standard() {
        let resolved = |header: &str| RangeSpec::parse(header).map(|spec| spec.resolve(10_000));
        for (header, expected) in [
            ("bytes=0-499", Some(Some(0..500))),
            ("bytes=500-999", Some(Some(500..1000))),
            ("bytes=-500", Some(Some(9500..10_000))),
            ("bytes=9500-", Some(Some(9500..10_000))),
            ("bytes=0-0", Some(Some(0..1))),
            ("bytes=9999-", Some(Some(9999..10_000))),
            ("bytes=9000-20000", Some(Some(9000..10_000))),
            ("bytes=-20000", Some(Some(0..10_000))),
            ("Bytes = 1-2 ", Some(Some(1..3))),
            ("bytes=10000-", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=99999999999999999999999-", Some(None)),
            ("bytes=0-99999999999999999999999", Some(Some(0..10_000))),
            ("bytes=5-4", None),
            ("bytes=-", None),
            ("bytes=0-1,5-6", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
            ("items=0-1", None),
            ("bytes", None),
            ("", None),
        ] {
            assert_eq!(resolved(header), expected, "{header}");
        }
        assert_eq!(RangeSpec::Suffix(5).resolve(0), None);
        assert_eq!(RangeSpec::From(0, None).resolve(0), None);
    }
}
