//! Sizes, counts and errors as people read them.

use std::error::Error;
use std::fmt;

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Returns a size in three digits and powers of 1024: `1.43 MiB`; below 1024 in bytes: `17 B`.
pub fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let exponent = (bytes.ilog2() / 10).min(UNITS.len() as u32);
    // Exact enough for three digits.
    #[allow(clippy::cast_precision_loss)]
    let scaled = bytes as f64 / (1_u64 << (10 * exponent)) as f64;
    let unit = UNITS
        .get(exponent as usize - 1)
        .copied()
        .unwrap_or_default();
    match scaled {
        scaled if scaled < 9.995 => format!("{scaled:.2} {unit}"),
        scaled if scaled < 99.95 => format!("{scaled:.1} {unit}"),
        scaled => format!("{scaled:.0} {unit}"),
    }
}

/// Returns a count with its thousands apart: `1,234,567`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a count of things whose plural ends in "s": `1 message`, `1,234 messages`.
pub fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number))
}

/// The number of causes that are shown: a chain that goes in a circle must not fill a log.
const MAX_CAUSES: usize = 16;

/// Shows an error with all that caused it in one line: `failed to store media: no space left`. A
/// cause that the text before it ends with is not repeated.
pub fn causes<E: Error + ?Sized>(error: &E) -> impl fmt::Display {
    let mut text = error.to_string();
    let mut source = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(cause) = source else { break };
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_with_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (10_235, "10.0 KiB"),
            (1_500_000, "1.43 MiB"),
            (200 << 30, "200 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn counts_have_their_thousands_apart() {
        assert_eq!(count(0), "0");
        assert_eq!(count(123), "123");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "item"), "1 item");
        assert_eq!(counted(1000, "item"), "1,000 items");
    }

    #[derive(Debug, Clone)]
    struct Link(&'static str, Option<Box<Link>>);

    impl fmt::Display for Link {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|link| link as &dyn Error)
        }
    }

    #[test]
    fn errors_are_shown_with_what_caused_them_once() {
        let disk = Link("no space left", None);
        let store = Link("the disk is full: no space left", Some(Box::new(disk)));
        let send = Link("failed to send", Some(Box::new(store)));
        let shown = causes(&send).to_string();
        assert_eq!(shown, "failed to send: the disk is full: no space left");
    }
}
