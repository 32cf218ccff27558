//! The JSON of a pack as it is written.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::media::MediaConfig;
use crate::overrides::ModelOverride;
use crate::parameters::Parameters;
use crate::tools::{ToolFile, ToolPolicy};
use crate::validators::ValidatorConfig;
use crate::variable::Variable;

/// A pack; fields that are not listed are ignored.
#[derive(Debug, Deserialize)]
pub(crate) struct PackFile {
    pub(crate) id: String,
    pub(crate) name: Option<String>,
    pub(crate) version: String,
    pub(crate) description: Option<String>,
    pub(crate) template_engine: Option<TemplateEngine>,
    pub(crate) prompts: BTreeMap<String, PromptFile>,
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

/// A prompt of a pack.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct PromptFile {
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) system_template: String,
    #[serde(default)]
    pub(crate) variables: Vec<Variable>,
    #[serde(default)]
    pub(crate) tools: Vec<String>,
    #[serde(default)]
    pub(crate) tool_policy: ToolPolicy,
    #[serde(default)]
    pub(crate) parameters: Parameters,
    pub(crate) media: Option<MediaConfig>,
    #[serde(default)]
    pub(crate) validators: Vec<ValidatorConfig>,
    #[serde(default)]
    pub(crate) model_overrides: BTreeMap<String, ModelOverride>,
}
