//! Names of files, as clients give them.

/// Longest name of a file that is kept, in bytes.
const MAX_NAME_LEN: usize = 255;

/// Returns a name without directories and control characters, cut to 255 bytes; `None` if nothing of a name is
/// left.
///
/// The services of this crate keep the names of uploads by this. It is for services that take the names of files
/// from clients another way.
///
/// ```
/// use media_http::safe_filename;
/// assert_eq!(safe_filename("../../etc/passwd").as_deref(), Some("passwd"));
/// assert_eq!(safe_filename(".."), None);
/// ```
pub fn safe_filename(name: &str) -> Option<String> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut kept = String::new();
    for c in name.chars().filter(|c| !c.is_control()) {
        if kept.len() + c.len_utf8() > MAX_NAME_LEN {
            break;
        }
        kept.push(c);
    }
    let is_name = kept.chars().any(|c| c != '.' && !c.is_whitespace());
    is_name.then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere() {
        for (name, expected) in [
            ("photo.png", Some("photo.png")),
            (" a b.png", Some(" a b.png")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\temp\\a.png", Some("a.png")),
            ("a\0.png\r\nX: y", Some("a.pngX: y")),
            (".htaccess", Some(".htaccess")),
            ("%2e%2e%2f", Some("%2e%2e%2f")),
            ("", None),
            ("..", None),
            (" . ", None),
            ("a/", None),
            ("\n", None),
        ] {
            assert_eq!(safe_filename(name).as_deref(), expected, "{name:?}");
        }
        let long = "\u{e9}".repeat(MAX_NAME_LEN);
        assert_eq!(safe_filename(&long).unwrap(), "\u{e9}".repeat(127));
    }
}
