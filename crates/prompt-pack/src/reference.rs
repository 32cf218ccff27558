//! What the state of a conversation remembers of its pack.

use serde::{Deserialize, Serialize};

use crate::variables::Variables;

/// The pack, prompt and variables that a conversation was started with, without the pack's texts.
///
/// Made by [`Prompt::reference`](crate::Prompt::reference) and resolved by
/// [`PromptPack::prompt_for`](crate::PromptPack::prompt_for). `Debug` shows the names of the
/// variables and not their values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PackRef {
    /// The id of the pack.
    pub pack: String,
    /// The version that the pack had.
    pub version: String,
    /// The name of the prompt.
    pub prompt: String,
    /// The variables that were given, without defaults.
    #[serde(default, skip_serializing_if = "Variables::is_empty")]
    pub variables: Variables,
}
