//! A prompt: its template, tools, limits and checks.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::error::PackError;
use crate::media::MediaConfig;
use crate::overrides::{ModelOverride, is_meant_for};
use crate::parameters::Parameters;
use crate::prompt_data::{PackContext, PackIdentity, PromptData};
use crate::reference::PackRef;
use crate::render::{Scope, render};
use crate::tools::ToolPolicy;
use crate::validators::Validators;
use crate::variable::Variable;
use crate::variables::Variables;
use conversation_types::ToolDefinition;

/// A prompt, taken from a pack by [`PromptPack::prompt`](crate::PromptPack::prompt) or built in
/// code by [`Prompt::builder`]. Cheap to clone.
#[derive(Clone)]
pub struct Prompt {
    context: Arc<PackContext>,
    data: Arc<PromptData>,
}

impl Prompt {
    pub(crate) fn new(context: Arc<PackContext>, data: PromptData) -> Self {
        Self {
            context,
            data: Arc::new(data),
        }
    }

    /// Returns the name under which the pack lists the prompt (the task type).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.data.name
    }

    /// Returns the title for people; the name where there is none.
    #[must_use]
    pub fn title(&self) -> &str {
        self.data.title.as_deref().unwrap_or(&self.data.name)
    }

    /// Returns what the prompt is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.data.description.as_deref()
    }

    /// Returns the version of the prompt itself; `None` where only the pack has a version.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.data.version.as_deref()
    }

    /// Returns the id of the pack that the prompt belongs to; `None` if it was built in code.
    #[must_use]
    pub fn pack_id(&self) -> Option<&str> {
        self.pack().map(|pack| pack.id.as_str())
    }

    /// Returns the version of the pack that the prompt belongs to; `None` if it was built in code.
    #[must_use]
    pub fn pack_version(&self) -> Option<&str> {
        self.pack().map(|pack| pack.version.as_str())
    }

    /// Returns the file that the pack was read from, if there is one.
    #[must_use]
    pub fn pack_path(&self) -> Option<&Path> {
        self.pack().and_then(|pack| pack.path.as_deref())
    }

    fn pack(&self) -> Option<&PackIdentity> {
        self.context.pack.as_ref()
    }

    /// Returns what the state of a conversation remembers so that it can be resumed; `None` if the
    /// prompt was built in code.
    #[must_use]
    pub fn reference(&self, variables: &Variables) -> Option<PackRef> {
        let pack = self.pack()?;
        let reference = PackRef::new(&pack.id, &pack.version, &self.data.name);
        Some(reference.with_variables(variables.clone()))
    }

    /// Returns the template as it was written.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.data.template
    }

    /// Returns the declared variables in their order.
    pub fn variables(&self) -> impl ExactSizeIterator<Item = &Variable> {
        self.data
            .variables
            .iter()
            .map(|declared| &declared.variable)
    }

    /// Renders the system prompt for any model without an override.
    ///
    /// # Errors
    /// `MissingVariable` and `InvalidVariable` for what was given, whether the template uses the
    /// variable or not; `InvalidTemplate` if the template cannot be rendered. All name the prompt.
    pub fn render(&self, variables: &Variables) -> Result<String, PackError> {
        self.render_template(&self.data.template, variables)
    }

    /// Renders the system prompt for `model`, with the override for it if there is one.
    ///
    /// # Errors
    /// Those of [`render`](Self::render).
    pub fn render_for(&self, model: &str, variables: &Variables) -> Result<String, PackError> {
        match self.model_override(model) {
            None => self.render(variables),
            Some(over) => self.render_template(&over.template(&self.data.template), variables),
        }
    }

    fn render_template(&self, template: &str, given: &Variables) -> Result<String, PackError> {
        let scope = Scope {
            fragments: &self.context.fragments,
            declared: &self.data.variables,
            given,
        };
        render(template, &scope)
            .map_err(|error| error.of_prompt(&self.data.name).in_file(self.pack_path()))
    }

    /// Returns the parameters for any model without an override.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.data.parameters
    }

    /// Returns the parameters for `model`: those of the prompt, with those of the override for it
    /// taking precedence.
    #[must_use]
    pub fn parameters_for(&self, model: &str) -> Parameters {
        let parameters = &self.data.parameters;
        match self.model_override(model) {
            None => parameters.clone(),
            Some(over) => parameters.overridden_by(over.parameters()),
        }
    }

    /// Returns the override for `model`: the one of that name, else the longest name of which
    /// `model` is a dated version (`gpt-4o` for `gpt-4o-2024-08-06`, `gpt-4o-20240806` or
    /// `gpt-4o-latest`).
    #[must_use]
    pub fn model_override(&self, model: &str) -> Option<&ModelOverride> {
        let matching = self.data.overrides.iter();
        let matching = matching.filter(|(key, _)| is_meant_for(key, model));
        matching
            .max_by_key(|(key, _)| key.len())
            .map(|(_, over)| over)
    }

    /// Whether the prompt lists tools, blocked ones included. One that lists none leaves the choice
    /// to the program.
    #[must_use]
    pub fn lists_tools(&self) -> bool {
        !self.data.tools.is_empty()
    }

    /// Returns the names of the tools that the prompt lists and its policy allows, in their order.
    /// The program has to provide each of them; none where the policy switches tools off.
    pub fn listed_tools(&self) -> impl Iterator<Item = &str> {
        let names = self.data.tools.iter().map(String::as_str);
        names.filter(|name| self.data.policy.allows(name))
    }

    /// Returns the definitions of the [listed tools](Self::listed_tools) that the pack defines.
    pub fn tools(&self) -> impl Iterator<Item = &ToolDefinition> {
        self.listed_tools().filter_map(|name| self.tool(name))
    }

    /// Returns the names of the [listed tools](Self::listed_tools) that the pack does not define,
    /// so that their definitions have to come from the program.
    pub fn undefined_tools(&self) -> impl Iterator<Item = &str> {
        self.listed_tools().filter(|name| self.tool(name).is_none())
    }

    /// Returns the definition of a tool in the pack, whether the prompt lists it or not.
    #[must_use]
    pub fn tool(&self, name: &str) -> Option<&ToolDefinition> {
        self.context.tools.get(name)
    }

    /// Returns how tools may be used.
    #[must_use]
    pub fn tool_policy(&self) -> &ToolPolicy {
        &self.data.policy
    }

    /// Returns the limits for media; `None` where the prompt does not limit it.
    #[must_use]
    pub fn media(&self) -> Option<&MediaConfig> {
        self.data.media.as_ref()
    }

    /// Returns the checks of answers.
    #[must_use]
    pub fn validators(&self) -> &Validators {
        &self.data.validators
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("pack", &self.pack_id())
            .field("name", &self.data.name)
            .field("version", &self.data.version)
            .finish_non_exhaustive()
    }
}
