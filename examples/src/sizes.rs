//! Sizes for people.

/// Bytes as a short text: decimal units, so that 1.5 MB are 1,500,000 bytes.
#[must_use]
pub fn human(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["KB", "MB", "GB", "TB"] {
        // 999.95 would be shown as 1000.0.
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// A difference of sizes, with its sign.
#[must_use]
pub fn human_change(before: u64, after: u64) -> String {
    if after >= before {
        format!("+{}", human(after - before))
    } else {
        format!("-{}", human(before - after))
    }
}

/// A number of things: "1 file", "2 files".
#[must_use]
pub fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_change_where_the_shown_number_would_get_too_long() {
        assert_eq!(human(0), "0 B");
        assert_eq!(human(999), "999 B");
        assert_eq!(human(1000), "1.0 KB");
        assert_eq!(human(999_949), "999.9 KB");
        assert_eq!(human(999_950), "1.0 MB");
        assert_eq!(human(1_234_567), "1.2 MB");
        assert_eq!(human(u64::MAX), "18446744.1 TB");
    }

    #[test]
    fn one_thing_is_not_plural() {
        assert_eq!(
            [0, 1, 2].map(|n| count(n, "file")),
            ["0 files", "1 file", "2 files"]
        );
    }

    #[test]
    fn changes_have_a_sign() {
        assert_eq!(human_change(1000, 3500), "+2.5 KB");
        assert_eq!(human_change(3500, 1000), "-2.5 KB");
        assert_eq!(human_change(7, 7), "+0 B");
    }
}
