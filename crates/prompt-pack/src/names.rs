//! Rules for the names and versions in a pack.

use crate::fault::Fault;
use crate::path::escape_for_display;

/// Checks the id of a pack.
pub(crate) fn check_pack_id(text: &str) -> Result<(), Fault> {
    let is_valid = text.len() <= 100 && is_lower(text, b"-");
    check(is_valid, text, "a pack id").map_err(|fault| {
        fault.with_hint(
            "Use at most 100 lower-case letters, digits and `-`, and start with a letter",
        )
    })
}

/// Checks the id of a prompt.
pub(crate) fn check_prompt_id(text: &str) -> Result<(), Fault> {
    let is_valid = text.len() <= 200 && is_lower(text, b"-_");
    check(is_valid, text, "a prompt id").map_err(|fault| {
        fault.with_hint(
            "Use at most 200 lower-case letters, digits, `-` and `_`, and start with a letter",
        )
    })
}

/// Checks the name under which a pack lists a prompt.
pub(crate) fn check_prompt_name(text: &str) -> Result<(), Fault> {
    let is_valid = (1..=200).contains(&text.len()) && !text.contains(char::is_control);
    check(is_valid, text, "a prompt name")
        .map_err(|fault| fault.with_hint("Use 1 to 200 bytes without control characters"))
}

/// Checks the name of a tool or a variable; `what` is one of both, with its article.
pub(crate) fn check_identifier(text: &str, what: &str) -> Result<(), Fault> {
    check(is_identifier(text), text, what).map_err(|fault| {
        fault.about(text).with_hint(
            "Use at most 128 letters, digits, `_` and `-`, and start with a letter or `_`",
        )
    })
}

/// Checks a version: Semantic Versioning 2.0.0, with an optional leading `v`.
pub(crate) fn check_version(text: &str) -> Result<(), Fault> {
    let number = text.strip_prefix('v').unwrap_or(text);
    let is_valid = text.len() <= 256 && semver::Version::parse(number).is_ok();
    check(is_valid, text, "a semantic version")
        .map_err(|fault| fault.with_hint("Use a version such as 1.0.0"))
}

fn check(is_valid: bool, text: &str, what: &str) -> Result<(), Fault> {
    if is_valid {
        return Ok(());
    }
    let text = escape_for_display(text);
    Err(Fault::new(format!("`{text}` is not {what}")))
}

fn is_lower(text: &str, others: &[u8]) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || others.contains(&byte)
        })
}

/// The specification allows no hyphen in these names; packs in use have it.
fn is_identifier(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && is_segment(text)
}

fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Whether a placeholder is a variable: an identifier, then `.name` or `.0` any number of times.
pub(crate) fn is_variable_path(text: &str) -> bool {
    let mut segments = text.split('.');
    segments.next().is_some_and(is_identifier) && segments.all(is_segment)
}

/// Whether a placeholder may name a fragment by this.
pub(crate) fn is_fragment_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for good in [
            "1.0.0",
            "v1.2.3",
            "0.0.0",
            "1.0.0-alpha.1",
            "1.0.0-0a.b-c+build.007",
            "10.20.30+x-y",
            "1.0.0--",
        ] {
            assert!(check_version(good).is_ok(), "{good}");
        }
        for bad in [
            "", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.x", "V1.0.0",
            "vv1.0.0", " 1.0.0",
        ] {
            assert!(check_version(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids() {
        assert!(check_pack_id("image-generator").is_ok());
        for bad in ["", "Image", "1a", "a_b", "-a", "a/b", "ä"] {
            assert!(check_pack_id(bad).is_err(), "{bad}");
        }
        assert!(check_pack_id(&"a".repeat(100)).is_ok());
        assert!(check_pack_id(&"a".repeat(101)).is_err());
        assert!(check_prompt_id("order_specialist").is_ok() && check_prompt_id("Order").is_err());
        assert!(is_identifier("image-tool") && is_identifier("_x9"));
        assert!(!is_identifier("9x") && !is_identifier("a b") && !is_identifier(""));
    }

    #[test]
    fn paths_of_variables() {
        for good in ["a", "a.b", "a.0.b-c", "_a"] {
            assert!(is_variable_path(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "#if x",
            "a | upper",
            "a b",
            "{a",
        ] {
            assert!(!is_variable_path(bad), "{bad}");
        }
    }
}
