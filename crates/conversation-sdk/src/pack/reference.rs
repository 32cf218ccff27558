//! What the state of a conversation remembers of its pack.

use serde::{Deserialize, Serialize};

use super::variables::Variables;

/// The pack, prompt and variables a conversation was started with: plain data, without the pack's texts.
///
/// Made by [`Prompt::reference`](super::Prompt::reference) and resolved by
/// [`PromptPack::prompt_for`](super::PromptPack::prompt_for) when the conversation is resumed. `Debug` shows the names
/// of the variables and not their values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PackRef {
    pack: String,
    version: String,
    prompt: String,
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    variables: Variables,
}

impl PackRef {
    pub(super) fn new(pack: &str, version: &str, prompt: &str, variables: Variables) -> Self {
        Self {
            pack: pack.to_owned(),
            version: version.to_owned(),
            prompt: prompt.to_owned(),
            variables,
        }
    }

    /// The pack's id.
    #[must_use]
    pub fn pack(&self) -> &str {
        &self.pack
    }

    /// The pack's version when the reference was made.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The name of the prompt.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// The variables that were given, without defaults.
    #[must_use]
    pub fn variables(&self) -> &Variables {
        &self.variables
    }
}
