//! Text that came from elsewhere, on its way to a terminal.

/// Longest text that is shown of one value.
const MAX_SHOWN: usize = 300;

/// Returns text without control characters, at most 300 characters of it: names and ids are data,
/// and must not steer the terminal.
pub(crate) fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len().min(MAX_SHOWN));
    for (at, c) in text.chars().enumerate() {
        if at == MAX_SHOWN {
            shown.push('…');
            break;
        }
        // Bidirectional overrides reorder what surrounds them.
        let steers =
            c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if steers {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(escaped("plain é.png"), "plain é.png");
        assert_eq!(escaped("a\u{1b}[31m\n"), "a\\u{1b}[31m\\u{a}");
        assert_eq!(escaped("\u{202e}gnp"), "\\u{202e}gnp");
        assert_eq!(escaped(&"x".repeat(400)).chars().count(), 301);
    }
}
