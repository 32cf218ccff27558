//! A prompt that was checked, with everything compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::declared::DeclaredVariable;
use crate::fault::{Fault, Within as _};
use crate::file::PromptFile;
use crate::media::MediaConfig;
use crate::names;
use crate::overrides::ModelOverride;
use crate::parameters::Parameters;
use crate::path::escape_for_display;
use crate::patterns::PatternCompiler;
use crate::tools::ToolPolicy;
use crate::validators::Validators;
use conversation_types::ToolDefinition;

/// The largest number of variables, and of tools, of one prompt.
const MAX_LISTED: usize = 1000;

/// What the prompts of a pack share.
#[derive(Debug, Default)]
pub(crate) struct PackContext {
    /// `None` for a prompt that was built in code.
    pub(crate) pack: Option<PackIdentity>,
    pub(crate) tools: BTreeMap<String, ToolDefinition>,
    pub(crate) fragments: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct PackIdentity {
    pub(crate) id: String,
    pub(crate) version: String,
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug)]
pub(crate) struct PromptData {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) template: String,
    pub(crate) variables: Vec<DeclaredVariable>,
    pub(crate) tools: Vec<String>,
    pub(crate) policy: ToolPolicy,
    pub(crate) parameters: Parameters,
    pub(crate) media: Option<MediaConfig>,
    pub(crate) validators: Validators,
    pub(crate) overrides: BTreeMap<String, ModelOverride>,
}

impl PromptData {
    /// Checks and compiles a prompt. The path of an error starts at the prompt.
    pub(crate) fn new(
        name: &str,
        file: PromptFile,
        patterns: &mut PatternCompiler,
    ) -> Result<Self, Fault> {
        names::check_prompt_name(name)?;
        if let Some(id) = &file.id {
            names::check_prompt_id(id).in_key("id")?;
        }
        if let Some(version) = &file.version {
            names::check_version(version).in_key("version")?;
        }
        for (key, count) in [
            ("variables", file.variables.len()),
            ("tools", file.tools.len()),
        ] {
            if count > MAX_LISTED {
                return Err(Fault::new(format!("more than {MAX_LISTED} {key}")).in_key(key));
            }
        }
        let variables = file.variables.iter().map(|variable| variable.name());
        check_unique("variable", variables).in_key("variables")?;
        check_unique("tool", file.tools.iter().map(String::as_str)).in_key("tools")?;
        file.tool_policy.check().in_key("tool_policy")?;
        let declare = |(index, variable)| DeclaredVariable::new(variable, patterns).in_index(index);
        let variables = file.variables.into_iter().enumerate().map(declare);
        let variables = variables.collect::<Result<_, _>>().in_key("variables")?;
        let validators = Validators::new(file.validators, patterns).in_key("validators")?;
        Ok(Self {
            name: name.to_owned(),
            title: file.name,
            description: file.description,
            version: file.version,
            template: file.system_template,
            variables,
            tools: file.tools,
            policy: file.tool_policy,
            parameters: file.parameters,
            media: file.media,
            validators,
            overrides: file.model_overrides,
        })
    }
}

fn check_unique<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            let message = format!("the {what} `{}` is listed twice", escape_for_display(name));
            return Err(Fault::new(message).about(name).in_index(index));
        }
    }
    Ok(())
}
