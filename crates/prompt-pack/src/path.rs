//! Paths into a JSON document.

use std::fmt;

/// A path into the JSON of a pack, such as `prompts.chat.tools[2]`.
///
/// `Display` writes the form above, with keys that are not plain names quoted
/// (`tools["a b"].name`); [`to_pointer`](Self::to_pointer) writes a JSON pointer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct JsonPath(Vec<PathSegment>);

/// One step of a [`JsonPath`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PathSegment {
    Key(String),
    Index(usize),
}

impl JsonPath {
    pub(crate) fn new(segments: Vec<PathSegment>) -> Self {
        Self(segments)
    }

    /// Whether the path leads to the document itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the path as a JSON pointer (RFC 6901), such as `/prompts/chat/tools/2`. It is empty
    /// for the document itself.
    #[must_use]
    pub fn to_pointer(&self) -> String {
        let mut pointer = String::new();
        for segment in &self.0 {
            pointer.push('/');
            match segment {
                PathSegment::Key(key) => {
                    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                }
                PathSegment::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                PathSegment::Index(index) => write!(f, "[{index}]")?,
                PathSegment::Key(key) if !is_plain(key) => {
                    write!(f, "[\"{}\"]", escape_for_display(key))?;
                }
                PathSegment::Key(key) if position == 0 => f.write_str(key)?,
                PathSegment::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    (1..=200).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Returns text of a pack as an error may show it: without control characters and cut off after
/// 200 characters.
pub(crate) fn escape_for_display(text: &str) -> String {
    const MAX_CHARACTERS: usize = 200;
    let mut escaped: String = text
        .chars()
        .take(MAX_CHARACTERS)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        escaped.push_str("...");
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let key = |key: &str| PathSegment::Key(key.to_owned());
        let path = JsonPath::new(vec![
            key("tools"),
            key("a/b ~c"),
            key("names"),
            PathSegment::Index(2),
            key("x"),
        ]);
        assert_eq!(path.to_string(), r#"tools["a/b ~c"].names[2].x"#);
        assert_eq!(path.to_pointer(), "/tools/a~1b ~0c/names/2/x");
        let root = JsonPath::default();
        assert!(root.is_root() && root.to_string().is_empty() && root.to_pointer().is_empty());
    }

    #[test]
    fn text_of_a_pack_is_shown_without_control_characters() {
        assert_eq!(escape_for_display("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert!(escape_for_display(&"x".repeat(5000)).len() < 300);
        let path = JsonPath::new(vec![PathSegment::Key("\u{1b}[2J".to_owned())]);
        assert_eq!(path.to_string(), r#"["\u{1b}[2J"]"#);
    }
}
