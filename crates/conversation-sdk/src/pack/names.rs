//! Grammars of the names and versions in a pack.

/// A pack's id: a lower-case letter, then lower-case letters, digits and hyphens; at most 100 bytes.
pub(super) fn is_pack_id(text: &str) -> bool {
    text.len() <= 100
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A prompt's id: as a pack's, and underscores; at most 200 bytes.
pub(super) fn is_prompt_id(text: &str) -> bool {
    text.len() <= 200
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

/// A name of a tool or a variable: a letter or underscore, then letters, digits, underscores and hyphens; at most
/// 128 bytes. The specification has no hyphen here; packs in use do.
pub(super) fn is_identifier(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// What may stand between the braces of a template: an identifier, then `.name` or `.0` any number of times.
pub(super) fn is_path(text: &str) -> bool {
    let mut segments = text.split('.');
    segments.next().is_some_and(is_identifier)
        && segments.all(|segment| {
            !segment.is_empty()
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        })
}

/// The name of a fragment as a template writes it.
pub(super) fn is_fragment_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/'))
}

/// Semantic Versioning 2.0.0, with an optional leading `v`; at most 256 bytes.
pub(super) fn is_version(text: &str) -> bool {
    if text.len() > 256 {
        return false;
    }
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = split(text, '+');
    let (core, pre) = split(text, '-');
    let mut numbers = 0;
    let core_is_valid = core.split('.').all(|part| {
        numbers += 1;
        is_number(part)
    });
    core_is_valid
        && numbers == 3
        && pre.is_none_or(|pre| {
            pre.split('.').all(|part| {
                is_label(part) && (is_number(part) || !part.bytes().all(|b| b.is_ascii_digit()))
            })
        })
        && build.is_none_or(|build| build.split('.').all(is_label))
}

fn split(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator)
        .map_or((text, None), |(head, tail)| (head, Some(tail)))
}

fn is_number(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'))
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
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
            assert!(is_version(good), "{good}");
        }
        for bad in [
            "", "1", "1.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+", "1.0.x", "V1.0.0",
            "vv1.0.0", " 1.0.0",
        ] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    #[test]
    fn ids() {
        assert!(is_pack_id("image-generator"));
        for bad in ["", "Image", "1a", "a_b", "-a", "a/b", "ä"] {
            assert!(!is_pack_id(bad), "{bad}");
        }
        assert!(is_pack_id(&"a".repeat(100)) && !is_pack_id(&"a".repeat(101)));
        assert!(is_prompt_id("order_specialist") && !is_prompt_id("Order"));
        assert!(
            is_identifier("image-tool")
                && is_identifier("_x9")
                && !is_identifier("9x")
                && !is_identifier("a b")
        );
    }

    #[test]
    fn paths() {
        for good in ["a", "a.b", "a.0.b-c", "_a"] {
            assert!(is_path(good), "{good}");
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
            assert!(!is_path(bad), "{bad}");
        }
    }
}
