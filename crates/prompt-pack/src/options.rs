//! How packs are loaded, and what loading warns of.

use std::fmt;

use crate::fault::Fault;
use crate::path::JsonPath;

/// Options for loading a pack.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct PackOptions {
    /// Whether prompts may list tools that a pack with tools does not define, because the program
    /// provides them; they are then warnings. A pack that defines no tools may always do so.
    /// Defaults to false.
    pub undefined_tools: bool,
}

impl PackOptions {
    /// Creates options with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`undefined_tools`](Self::undefined_tools).
    #[must_use]
    pub fn with_undefined_tools(mut self, allowed: bool) -> Self {
        self.undefined_tools = allowed;
        self
    }
}

/// Something in a pack that loads but does not have its full effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackWarning {
    /// The path of the value that the warning is about.
    pub path: JsonPath,
    /// What has no effect.
    pub message: String,
}

impl PackWarning {
    pub(crate) fn new(mut fault: Fault) -> Self {
        Self {
            path: fault.take_path(),
            message: fault.message,
        }
    }
}

impl fmt::Display for PackWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}
