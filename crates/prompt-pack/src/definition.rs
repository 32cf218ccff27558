//! The JSON of prompts and packs.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::media::MediaConfig;
use crate::overrides::ModelOverride;
use crate::parameters::Parameters;
use crate::tools::{ToolFile, ToolPolicy};
use crate::validators::ValidatorConfig;
use crate::variable::Variable;

/// A prompt as a pack writes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct PromptDefinition {
    /// The id.
    pub id: Option<String>,
    /// The title for people.
    #[serde(rename = "name")]
    pub title: Option<String>,
    /// What the prompt is for.
    pub description: Option<String>,
    /// The version of the prompt itself; where there is none, only the pack has one.
    pub version: Option<String>,
    /// The template of the system prompt.
    pub system_template: String,
    /// The declared variables; at most 1,000.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// The names of the tools that the prompt uses; at most 1,000.
    #[serde(default)]
    pub tools: Vec<String>,
    /// How tools may be used.
    #[serde(default)]
    pub tool_policy: ToolPolicy,
    /// The parameters for any model without an override.
    #[serde(default)]
    pub parameters: Parameters,
    /// The limits for media; `None` where the prompt does not limit it.
    pub media: Option<MediaConfig>,
    /// The checks of answers.
    #[serde(default)]
    pub validators: Vec<ValidatorConfig>,
    /// What changes for single models.
    #[serde(default)]
    pub model_overrides: BTreeMap<String, ModelOverride>,
}

/// A pack; fields that are not listed are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct PackFile {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) version: String,
    pub(crate) description: Option<String>,
    pub(crate) template_engine: Option<TemplateEngine>,
    pub(crate) prompts: BTreeMap<String, PromptDefinition>,
    #[serde(default)]
    pub(crate) tools: BTreeMap<String, ToolFile>,
    #[serde(default)]
    pub(crate) fragments: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct TemplateEngine {
    pub(crate) syntax: Option<String>,
    #[serde(default)]
    pub(crate) features: Vec<String>,
}
