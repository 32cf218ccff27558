//! How packs are loaded, and what loading warns of.

use std::fmt;

use crate::path::JsonPath;

/// Options for loading a pack.
#[derive(Clone, Debug, Default)]
pub struct PackOptions {
    undefined_tools: bool,
}

impl PackOptions {
    /// Creates options with the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether prompts may list tools that a pack with tools does not define, because the
    /// program provides them; they are then warnings. A pack that defines no tools may always do
    /// so. Defaults to false.
    #[must_use]
    pub fn with_undefined_tools(mut self, allowed: bool) -> Self {
        self.undefined_tools = allowed;
        self
    }

    pub(crate) fn allows_undefined_tools(&self) -> bool {
        self.undefined_tools
    }
}

/// Something in a pack that loads but does not have its full effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackWarning {
    path: JsonPath,
    message: String,
}

impl PackWarning {
    pub(crate) fn new(path: JsonPath, message: impl Into<String>) -> Self {
        Self {
            path,
            message: message.into(),
        }
    }

    /// Returns the path of the value that the warning is about.
    #[must_use]
    pub fn path(&self) -> &JsonPath {
        &self.path
    }
}

impl fmt::Display for PackWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}
