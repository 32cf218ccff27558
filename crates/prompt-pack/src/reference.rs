//! What the state of a conversation remembers of its pack.

use serde::{Deserialize, Serialize};

use crate::variables::Variables;

/// The pack, prompt and variables that a conversation was started with, without the pack's texts.
///
/// Made by [`Prompt::reference`](crate::Prompt::reference) and resolved by
/// [`PromptPack::prompt_for`](crate::PromptPack::prompt_for). `Debug` shows the names of the
/// variables and not their values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PackRef {
    pack: String,
    version: String,
    prompt: String,
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    variables: Variables,
}

impl PackRef {
    /// Creates a reference to a prompt of a pack, without variables.
    #[must_use]
    pub fn new(
        pack: impl Into<String>,
        version: impl Into<String>,
        prompt: impl Into<String>,
    ) -> Self {
        Self {
            pack: pack.into(),
            version: version.into(),
            prompt: prompt.into(),
            variables: Variables::new(),
        }
    }

    /// Sets the variables that were given. Defaults to none.
    #[must_use]
    pub fn with_variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// Returns the id of the pack.
    #[must_use]
    pub fn pack(&self) -> &str {
        &self.pack
    }

    /// Returns the version that the pack had when the reference was made.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the name of the prompt.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Returns the variables that were given, without defaults.
    #[must_use]
    pub fn variables(&self) -> &Variables {
        &self.variables
    }
}
