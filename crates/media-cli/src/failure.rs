//! What ends a command early: one sentence, its causes and an exit code.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use media_storage::{StorageError, StorageErrorKind};

/// How a command ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything is fine.
    #[default]
    Fine,
    /// The command failed.
    Failed,
    /// The command line cannot be used.
    Usage,
    /// The command ran, and something is wrong with the data.
    Data,
    /// The command was interrupted (^C).
    Interrupted,
    /// The command was asked to end (SIGTERM).
    Terminated,
}

impl Exit {
    /// Returns of two ends the one that matters more: a failure before wrong data before a fine end.
    pub(crate) fn or_worse(self, other: Self) -> Self {
        let rank = |exit| match exit {
            Self::Fine => 0,
            Self::Data => 1,
            _ => 2,
        };
        if rank(other) > rank(self) {
            other
        } else {
            self
        }
    }

    /// Returns the code for the shell.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Data => 3,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The reason why a command ended early.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    closed_pipe: bool,
    no_store: bool,
}

/// The outcome of a command.
pub(crate) type Outcome<T = Exit> = Result<T, Failure>;

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            source: None,
            closed_pipe: false,
            no_store: false,
        }
    }

    /// Creates a failure of what the command was asked to do.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// Creates a failure of the command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Creates a failure that the data is to blame for.
    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::new(Exit::Data, message)
    }

    /// Creates a failure that says that there is no store.
    pub(crate) fn no_store(message: impl Into<String>) -> Self {
        Self {
            no_store: true,
            ..Self::failed(message)
        }
    }

    /// Returns whether there is no store.
    pub(crate) fn is_of_no_store(&self) -> bool {
        self.no_store
    }

    /// Adds the cause.
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns an adapter for `map_err` on I/O: what was attempted on what.
    pub(crate) fn io(doing: &'static str, on: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let on = on.display().to_string();
        move |error| Self::failed(format!("failed to {doing} {on:?}")).because(error)
    }

    /// Returns how the command ended.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns whether nobody reads the output any more, which is no failure of a command that only
    /// shows something.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.closed_pipe
    }
}

impl fmt::Display for Failure {
    /// Writes the message and its causes in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut source = self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        let exit = match error.kind() {
            StorageErrorKind::Corrupted => Exit::Data,
            _ => Exit::Failed,
        };
        let message = error.to_string();
        let mut failure = Self::new(exit, message);
        // The causes of the error, without the error itself.
        failure.source = Error::source(&error).map(|source| chain(source).into());
        failure
    }
}

/// A chain of errors as one text: sources of a borrowed error cannot be kept.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// A failure to write to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let closed_pipe = error.kind() == io::ErrorKind::BrokenPipe;
        let mut failure = Self::failed("failed to write the output").because(error);
        failure.closed_pipe = closed_pipe;
        failure
    }
}
