//! A prompt: its template, tools, limits and checks.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use conversation_types::ToolDefinition;

use crate::compiled::CompiledPrompt;
use crate::definition::PromptDefinition;
use crate::error::{Operation, PackError, PackErrorKind};
use crate::fault::Fault;
use crate::media::{MediaConfig, MediaProperties, MediaViolation};
use crate::overrides::{ModelOverride, is_meant_for};
use crate::parameters::Parameters;
use crate::reference::PackRef;
use crate::render::{Scope, render};
use crate::tools::ToolPolicy;
use crate::validators::Violation;
use crate::variables::Variables;

/// A prompt, taken from a pack by [`PromptPack::prompt`](crate::PromptPack::prompt) or built in
/// code by [`Prompt::builder`]. Cheap to clone.
#[derive(Clone)]
pub struct Prompt {
    context: Arc<PromptContext>,
    compiled: Arc<CompiledPrompt>,
}

/// What the prompts of a pack share.
#[derive(Debug, Default)]
pub(crate) struct PromptContext {
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

impl Prompt {
    pub(crate) fn new(context: Arc<PromptContext>, compiled: CompiledPrompt) -> Self {
        Self {
            context,
            compiled: Arc::new(compiled),
        }
    }

    /// Returns the name under which the pack lists the prompt (the task type).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.compiled.name
    }

    /// Returns the prompt as it was written.
    #[must_use]
    pub fn definition(&self) -> &PromptDefinition {
        &self.compiled.definition
    }

    /// Returns the id of the pack that the prompt belongs to; `None` if it was built in code.
    #[must_use]
    pub fn pack_id(&self) -> Option<&str> {
        self.context.pack.as_ref().map(|pack| pack.id.as_str())
    }

    /// Returns what the state of a conversation remembers so that it can be resumed; `None` if the
    /// prompt was built in code.
    #[must_use]
    pub fn reference(&self, variables: &Variables) -> Option<PackRef> {
        let pack = self.context.pack.as_ref()?;
        Some(PackRef {
            pack: pack.id.clone(),
            version: pack.version.clone(),
            prompt: self.name().to_owned(),
            variables: variables.clone(),
        })
    }

    /// Renders the system prompt for any model without an override.
    ///
    /// # Errors
    /// `MissingVariable` and `InvalidVariable` for what was given, whether the template uses the
    /// variable or not; `InvalidTemplate` if the template cannot be rendered. All name the prompt.
    pub fn render(&self, variables: &Variables) -> Result<String, PackError> {
        self.render_template(&self.definition().system_template, variables)
    }

    /// Renders the system prompt for `model`, with the override for it if there is one.
    ///
    /// # Errors
    /// Those of [`render`](Self::render).
    pub fn render_for(&self, model: &str, variables: &Variables) -> Result<String, PackError> {
        match self.model_override(model) {
            None => self.render(variables),
            Some(over) => {
                let template = over.template(&self.definition().system_template);
                self.render_template(&template, variables)
            }
        }
    }

    fn render_template(&self, template: &str, given: &Variables) -> Result<String, PackError> {
        let scope = Scope {
            fragments: &self.context.fragments,
            declared: &self.definition().variables,
            given,
        };
        self.check_variables(given)
            .and_then(|()| render(template, &scope))
            .map_err(|(kind, fault)| {
                let path = self
                    .context
                    .pack
                    .as_ref()
                    .and_then(|pack| pack.path.as_deref());
                PackError::new(kind, Operation::Render, fault)
                    .of_prompt(self.name())
                    .in_file(path)
            })
    }

    fn check_variables(&self, given: &Variables) -> Result<(), (PackErrorKind, Fault)> {
        let variables = self.definition().variables.iter();
        for (variable, pattern) in variables.zip(&self.compiled.patterns) {
            let name = &variable.name;
            let (kind, fault) = match given.given(name) {
                None if variable.required => (
                    PackErrorKind::MissingVariable,
                    Fault::new(format!("missing required variable `{name}`"))
                        .with_hint(format!("Give the variable `{name}` a value")),
                ),
                None => continue,
                Some(value) => match variable.violation(value, pattern.as_ref()) {
                    None => continue,
                    Some(violation) => (
                        PackErrorKind::InvalidVariable,
                        Fault::new(format!("invalid variable `{name}`: {violation}")),
                    ),
                },
            };
            return Err((kind, fault.about(name)));
        }
        Ok(())
    }

    /// Returns the parameters for `model`: those of the prompt, with those of the override for it
    /// taking precedence.
    #[must_use]
    pub fn parameters_for(&self, model: &str) -> Parameters {
        let parameters = &self.definition().parameters;
        match self.model_override(model) {
            None => parameters.clone(),
            Some(over) => parameters.overridden_by(&over.parameters),
        }
    }

    /// Returns the override for `model`: the one of that name, else the longest name of which
    /// `model` is a dated version (`gpt-4o` for `gpt-4o-2024-08-06`, `gpt-4o-20240806` or
    /// `gpt-4o-latest`).
    #[must_use]
    pub fn model_override(&self, model: &str) -> Option<&ModelOverride> {
        let overrides = self.definition().model_overrides.iter();
        let matching = overrides.filter(|(key, _)| is_meant_for(key, model));
        matching
            .max_by_key(|(key, _)| key.len())
            .map(|(_, over)| over)
    }

    /// Whether the prompt lists tools, blocked ones included. One that lists none leaves the choice
    /// to the program.
    #[must_use]
    pub fn lists_tools(&self) -> bool {
        !self.definition().tools.is_empty()
    }

    /// Returns the names of the tools that the prompt lists and its policy allows, in their order.
    /// The program has to provide each of them; none where the policy switches tools off.
    pub fn listed_tools(&self) -> impl Iterator<Item = &str> {
        let names = self.definition().tools.iter().map(String::as_str);
        names.filter(|name| self.tool_policy().allows(name))
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
        &self.definition().tool_policy
    }

    /// Returns the limits for media; `None` where the prompt does not limit it.
    #[must_use]
    pub fn media(&self) -> Option<&MediaConfig> {
        self.definition().media.as_ref()
    }

    /// Checks the media items of one message, nested ones included if the caller lists them, and
    /// returns every violation in the order of the items.
    #[must_use]
    pub fn check_media<'a>(
        &self,
        items: impl IntoIterator<Item = MediaProperties<'a>>,
    ) -> Vec<MediaViolation> {
        self.media()
            .map(|media| media.check(items))
            .unwrap_or_default()
    }

    /// Runs every enabled and supported validator on an answer and returns all violations. Takes
    /// time linear in the length of the answer for each validator.
    #[must_use]
    pub fn check_answer(&self, answer: &str) -> Vec<Violation> {
        let validators = self.definition().validators.iter();
        validators
            .zip(&self.compiled.rules)
            .filter_map(|(config, rule)| Violation::find(config, rule, answer))
            .collect()
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("pack", &self.pack_id())
            .field("name", &self.compiled.name)
            .finish_non_exhaustive()
    }
}
