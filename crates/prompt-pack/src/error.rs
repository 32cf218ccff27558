//! The error of everything that concerns packs and prompts.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::fault::Fault;
use crate::path::{JsonPath, escape_for_display};

/// The kind of a [`PackError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PackErrorKind {
    /// The file cannot be opened or read, or is not a regular file.
    Unreadable,
    /// The pack is larger than [`MAX_PACK_BYTES`](crate::MAX_PACK_BYTES).
    TooLarge,
    /// The text is not JSON, or is nested too deeply.
    InvalidJson,
    /// A field of the pack, or of a prompt built in code, is missing, has the wrong type, or breaks
    /// a rule.
    InvalidPack,
    /// The pack does not conform to the JSON schema that it was validated against.
    SchemaViolation,
    /// The pack has no prompt of the given name.
    UnknownPrompt,
    /// A reference was made for another pack.
    PackMismatch,
    /// A required variable is missing, or the template uses a variable that was not given.
    MissingVariable,
    /// A variable has the wrong type or breaks the rules of its declaration.
    InvalidVariable,
    /// A template cannot be rendered: an unknown fragment, unsupported syntax, or a limit.
    InvalidTemplate,
}

impl PackErrorKind {
    fn hint(self) -> &'static str {
        match self {
            Self::Unreadable => "Check the path and the permissions of the file",
            Self::TooLarge => "Split the pack or shorten its texts",
            Self::InvalidJson => "Correct the JSON at that position",
            Self::InvalidPack | Self::SchemaViolation => "Correct the value at that path",
            Self::UnknownPrompt => "Choose a prompt of the pack",
            Self::PackMismatch => "Load the pack that the conversation was started with",
            Self::MissingVariable => "Give the variable a value",
            Self::InvalidVariable => "Give the variable a value that its declaration allows",
            Self::InvalidTemplate => "Correct the template or the fragment",
        }
    }
}

/// Where in a pack an error is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackLocation {
    /// A position in the text, where the text is not JSON.
    Position {
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
    },
    /// A path into the JSON.
    Path(JsonPath),
}

/// What was attempted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    #[cfg_attr(
        not(feature = "strict"),
        allow(dead_code, reason = "used by a feature")
    )]
    Validate,
    Find,
    Build,
    Render,
}

/// Error returned when a pack cannot be read or a prompt cannot be used.
///
/// `Display` names the operation, the pack or prompt, the place and the cause, as in ``failed to
/// read pack `support.json`: prompts.chat.tools[2]: expected a string, found a number``. Values of
/// variables appear neither there nor in [`hint`](Self::hint).
pub struct PackError(Box<Inner>);

struct Inner {
    kind: PackErrorKind,
    operation: Operation,
    message: String,
    path: Option<PathBuf>,
    location: Option<PackLocation>,
    prompt: Option<String>,
    name: Option<String>,
    hint: Cow<'static, str>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl PackError {
    pub(crate) fn new(
        kind: PackErrorKind,
        operation: Operation,
        message: impl Into<String>,
    ) -> Self {
        Self(Box::new(Inner {
            kind,
            operation,
            message: message.into(),
            path: None,
            location: None,
            prompt: None,
            name: None,
            hint: Cow::Borrowed(kind.hint()),
            source: None,
        }))
    }

    /// Makes the error of a value that a pack or a prompt must not have.
    pub(crate) fn invalid(operation: Operation, mut fault: Fault) -> Self {
        let location = PackLocation::Path(fault.take_path());
        let mut error = Self::new(PackErrorKind::InvalidPack, operation, fault.message);
        error.0.location = Some(location);
        error.0.name = fault.name;
        error.0.source = fault.source;
        if let Some(hint) = fault.hint {
            error.0.hint = hint;
        }
        error
    }

    pub(crate) fn at(mut self, location: PackLocation) -> Self {
        self.0.location = Some(location);
        self
    }

    pub(crate) fn in_file(mut self, path: Option<&Path>) -> Self {
        self.0.path = path.map(Path::to_path_buf);
        self
    }

    pub(crate) fn of_prompt(mut self, prompt: &str) -> Self {
        self.0.prompt = Some(prompt.to_owned());
        self
    }

    pub(crate) fn about(mut self, name: &str) -> Self {
        self.0.name = Some(name.to_owned());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = hint.into();
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Returns the kind of the error.
    #[must_use]
    pub fn kind(&self) -> PackErrorKind {
        self.0.kind
    }

    /// Returns the file that the pack was read from, if it was read from one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// Returns the place in the pack, if the error has one.
    #[must_use]
    pub fn location(&self) -> Option<&PackLocation> {
        self.0.location.as_ref()
    }

    /// Returns the prompt that was to be used, if any.
    #[must_use]
    pub fn prompt(&self) -> Option<&str> {
        self.0.prompt.as_deref()
    }

    /// Returns the name of the variable, fragment, tool, prompt or pack that the error is about.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns what to do about the error: one sentence without a full stop.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.0.hint
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let prompt = inner.prompt.as_deref().map(escape_for_display);
        let path = inner.path.as_deref().map(Path::to_string_lossy);
        let path = path.as_deref().map(escape_for_display);
        match inner.operation {
            Operation::Read => f.write_str("failed to read pack")?,
            Operation::Validate => f.write_str("failed to validate pack")?,
            Operation::Find => f.write_str("failed to find prompt")?,
            Operation::Build => f.write_str("failed to build prompt")?,
            Operation::Render => f.write_str("failed to render prompt")?,
        }
        if let Some(prompt) = &prompt {
            write!(f, " `{prompt}`")?;
        }
        if let Some(path) = &path {
            let of = if prompt.is_some() { " of pack" } else { "" };
            write!(f, "{of} `{path}`")?;
        }
        f.write_str(": ")?;
        match &inner.location {
            Some(PackLocation::Position { line, column }) => {
                write!(f, "{} at line {line}, column {column}", inner.message)
            }
            Some(PackLocation::Path(path)) if !path.is_root() => {
                write!(f, "{path}: {}", inner.message)
            }
            _ => f.write_str(&inner.message),
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
        let error = PackError::new(
            PackErrorKind::Unreadable,
            Operation::Read,
            "file not readable",
        )
        .in_file(Some(Path::new("a.json")))
        .with_source(std::io::Error::other("no such device"));
        assert_eq!(
            error.to_string(),
            "failed to read pack `a.json`: file not readable"
        );
        assert_eq!(error.source().unwrap().to_string(), "no such device");
    }

    #[test]
    fn text_names_the_prompt_and_the_place() {
        let fault = Fault::new("bad").in_index(2).in_key("tools");
        let error = PackError::invalid(Operation::Build, fault).of_prompt("p\n");
        assert_eq!(
            error.to_string(),
            "failed to build prompt `p\\n`: tools[2]: bad"
        );
    }
}
