//! Sizes and counts as people read them.

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
}
