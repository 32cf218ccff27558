//! The error of everything that concerns packs.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// What went wrong with a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PackErrorKind {
    /// The file cannot be opened or read, or is not a regular file.
    Unreadable,
    /// The pack is larger than [`MAX_PACK_BYTES`](super::MAX_PACK_BYTES).
    TooLarge,
    /// The text is not JSON, or is nested too deeply.
    NotJson,
    /// The JSON is not a pack: a field is missing, has the wrong type, or breaks a rule.
    Structure,
    /// The pack does not conform to the JSON schema it was checked against.
    Schema,
    /// The pack has no prompt of the given name.
    UnknownPrompt,
    /// A reference was made for another pack.
    OtherPack,
    /// A required variable was not given, or the template uses a variable that nobody gave.
    MissingVariable,
    /// A variable was given with the wrong type or breaks its rules.
    InvalidVariable,
    /// A template cannot be rendered: unknown fragment, syntax that is not supported, or a limit reached.
    Template,
}

/// Where in the pack's JSON the error is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackLocation {
    /// Line and column, both from 1.
    Position {
        /// The line.
        line: usize,
        /// The column, in bytes.
        column: usize,
    },
    /// A JSON pointer (RFC 6901) such as `/prompts/support/tools/0`; empty for the whole document.
    Pointer(String),
}

/// Why a pack could not be read or a prompt could not be used.
///
/// Its text is one sentence without a full stop and names the file where there is one; [`hint`](Self::hint) says what
/// to do about it. Values of variables appear in neither.
pub struct PackError(Box<Inner>);

struct Inner {
    kind: PackErrorKind,
    message: String,
    path: Option<PathBuf>,
    location: Option<PackLocation>,
    prompt: Option<String>,
    name: Option<String>,
    hint: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PackError {
    pub(super) fn new(kind: PackErrorKind, message: impl Into<String>) -> Self {
        let hint = match kind {
            PackErrorKind::Unreadable => "Check the path and that the file may be read",
            PackErrorKind::TooLarge => "Split the pack or shorten its texts",
            PackErrorKind::NotJson => "Correct the JSON there",
            PackErrorKind::Structure | PackErrorKind::Schema => "Correct the pack there",
            PackErrorKind::UnknownPrompt => "Choose a prompt of the pack",
            PackErrorKind::OtherPack => "Load the pack that the conversation was started with",
            PackErrorKind::MissingVariable => "Give the variable a value",
            PackErrorKind::InvalidVariable => {
                "Give the variable a value that its declaration allows"
            }
            PackErrorKind::Template => "Correct the template or the fragment in the pack",
        };
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            path: None,
            location: None,
            prompt: None,
            name: None,
            hint: Cow::Borrowed(hint),
            source: None,
        }))
    }

    pub(super) fn at(mut self, location: PackLocation) -> Self {
        self.0.location = Some(location);
        self
    }

    pub(super) fn in_file(mut self, path: Option<&Path>) -> Self {
        self.0.path = path.map(Path::to_path_buf);
        self
    }

    pub(super) fn of_prompt(mut self, prompt: &str) -> Self {
        self.0.prompt = Some(prompt.to_owned());
        self
    }

    pub(super) fn about(mut self, name: &str) -> Self {
        self.0.name = Some(name.to_owned());
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = hint.into();
        self
    }

    pub(super) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> PackErrorKind {
        self.0.kind
    }

    /// The file the pack was read from, if it was read from one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// The place in the pack's JSON, if the error has one.
    #[must_use]
    pub fn location(&self) -> Option<&PackLocation> {
        self.0.location.as_ref()
    }

    /// The prompt that was to be used, if any.
    #[must_use]
    pub fn prompt(&self) -> Option<&str> {
        self.0.prompt.as_deref()
    }

    /// The name of the variable, fragment, tool or prompt the error is about, if it is about one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// What to do about it: one sentence without a full stop.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.0.hint
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        if let Some(path) = &inner.path {
            write!(f, "pack {}: ", shown(&path.to_string_lossy()))?;
        }
        f.write_str(&inner.message)?;
        match &inner.location {
            Some(PackLocation::Position { line, column }) => {
                write!(f, " at line {line}, column {column}")
            }
            Some(PackLocation::Pointer(pointer)) if !pointer.is_empty() => {
                write!(f, " (at {})", shown(pointer))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackError")
            .field("kind", &self.0.kind)
            .field("message", &self.to_string())
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl Error for PackError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// Text from a pack as an error may show it: no control characters, and not longer than a line.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut escaped: String = text
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        escaped.push_str("...");
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_word_and_can_be_sent() {
        fn assert_send_sync<T: Send + Sync + 'static>() {}
        assert_send_sync::<PackError>();
        assert_eq!(size_of::<PackError>(), size_of::<usize>());
    }

    #[test]
    fn text_does_not_repeat_its_source() {
        let error = PackError::new(PackErrorKind::Unreadable, "the file cannot be read")
            .in_file(Some(Path::new("a.json")))
            .with_source(std::io::Error::other("no such device"));
        assert_eq!(error.to_string(), "pack a.json: the file cannot be read");
        assert_eq!(error.source().unwrap().to_string(), "no such device");
    }

    #[test]
    fn names_from_a_pack_are_shown_without_control_characters() {
        assert_eq!(shown("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert!(shown(&"x".repeat(5000)).len() < 300);
    }
}
