//! The error of everything that concerns packs and prompts.

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
    fault: Fault,
    location: Option<PackLocation>,
    file: Option<PathBuf>,
    prompt: Option<String>,
}

impl PackError {
    pub(crate) fn new(kind: PackErrorKind, operation: Operation, mut fault: Fault) -> Self {
        let path = fault.take_path();
        let has_path = kind == PackErrorKind::InvalidPack || !path.is_root();
        Self(Box::new(Inner {
            kind,
            operation,
            fault,
            location: has_path.then_some(PackLocation::Path(path)),
            file: None,
            prompt: None,
        }))
    }

    pub(crate) fn at(mut self, location: PackLocation) -> Self {
        self.0.location = Some(location);
        self
    }

    pub(crate) fn in_file(mut self, path: Option<&Path>) -> Self {
        self.0.file = path.map(Path::to_path_buf);
        self
    }

    pub(crate) fn of_prompt(mut self, prompt: &str) -> Self {
        self.0.prompt = Some(prompt.to_owned());
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
        self.0.file.as_deref()
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
        self.0.fault.name.as_deref()
    }

    /// Returns what to do about the error: one sentence without a full stop.
    #[must_use]
    pub fn hint(&self) -> &str {
        let hint = self.0.fault.hint.as_deref();
        hint.unwrap_or_else(|| self.0.kind.hint())
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.write_str(match inner.operation {
            Operation::Read => "failed to read pack",
            Operation::Validate => "failed to validate pack",
            Operation::Find => "failed to find prompt",
            Operation::Build => "failed to build prompt",
            Operation::Render => "failed to render prompt",
        })?;
        if let Some(prompt) = &inner.prompt {
            write!(f, " `{}`", escape_for_display(prompt))?;
        }
        if let Some(file) = &inner.file {
            let of = if inner.prompt.is_some() {
                " of pack"
            } else {
                ""
            };
            write!(f, "{of} `{}`", escape_for_display(&file.to_string_lossy()))?;
        }
        let message = &inner.fault.message;
        match &inner.location {
            Some(PackLocation::Position { line, column }) => {
                write!(f, ": {message} at line {line}, column {column}")
            }
            Some(PackLocation::Path(path)) if !path.is_root() => write!(f, ": {path}: {message}"),
            _ => write!(f, ": {message}"),
        }
    }
}

impl fmt::Debug for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackError")
            .field("kind", &self.0.kind)
            .field("message", &self.to_string())
            .field("source", &self.0.fault.source)
            .finish_non_exhaustive()
    }
}

impl Error for PackError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source = self.0.fault.source.as_deref()?;
        Some(source)
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
        let fault =
            Fault::new("file not readable").with_source(std::io::Error::other("no such device"));
        let error = PackError::new(PackErrorKind::Unreadable, Operation::Read, fault)
            .in_file(Some(Path::new("a.json")));
        assert_eq!(
            error.to_string(),
            "failed to read pack `a.json`: file not readable"
        );
        assert_eq!(error.source().unwrap().to_string(), "no such device");
    }

    #[test]
    fn text_names_the_prompt_and_the_place() {
        let fault = Fault::new("bad").in_index(2).in_key("tools");
        let error =
            PackError::new(PackErrorKind::InvalidPack, Operation::Build, fault).of_prompt("p\n");
        assert_eq!(
            error.to_string(),
            "failed to build prompt `p\\n`: tools[2]: bad"
        );
    }
}
