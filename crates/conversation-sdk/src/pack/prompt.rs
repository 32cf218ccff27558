//! One prompt of a pack: its template, tools, limits and checks.

use std::fmt;
use std::sync::Arc;

use super::error::{PackError, shown};
use super::media::MediaConfig;
use super::names;
use super::node::Node;
use super::overrides::{self, ModelOverride};
use super::parameters::Parameters;
use super::pattern::Patterns;
use super::prompt_pack::PromptPack;
use super::reference::PackRef;
use super::template::{self, Scope};
use super::tools::{PackTool, ToolPolicy};
use super::validators::Validators;
use super::variables::{Variable, Variables};

/// Most variables, and most tools, of one prompt.
const MAX_LISTED: usize = 1000;

/// A prompt of a pack. Cheap to clone; keeps its pack alive.
#[derive(Clone)]
pub struct Prompt {
    pack: PromptPack,
    data: Arc<PromptData>,
}

pub(super) struct PromptData {
    name: String,
    title: Option<String>,
    description: Option<String>,
    version: Option<String>,
    template: String,
    variables: Vec<Variable>,
    pub(super) tools: Vec<String>,
    policy: ToolPolicy,
    parameters: Parameters,
    media: Option<MediaConfig>,
    pub(super) validators: Validators,
    overrides: Vec<(String, ModelOverride)>,
}

impl PromptData {
    pub(super) fn read(
        name: &str,
        node: &Node<'_>,
        patterns: &Patterns,
    ) -> Result<Self, PackError> {
        if name.is_empty() || name.len() > 200 || name.contains(char::is_control) {
            return Err(node
                .error(format!("`{}` is not a name for a prompt", shown(name)))
                .with_hint("Use 1 to 200 bytes without control characters"));
        }
        node.object()?;
        if let Some(id) = node.get("id")
            && !names::is_prompt_id(id.string()?)
        {
            return Err(id
                .error(format!(
                    "`{}` is not an id for a prompt",
                    shown(id.string()?)
                ))
                .with_hint("Use lower-case letters, digits, `-` and `_`, a letter first"));
        }
        if let Some(version) = node.get("version")
            && !names::is_version(version.string()?)
        {
            return Err(version
                .error(format!(
                    "`{}` is not a semantic version",
                    shown(version.string()?)
                ))
                .with_hint("Use a version such as 1.0.0"));
        }
        let template = node.required("system_template")?;
        if template.string()?.is_empty() {
            return Err(template.error("the template is empty"));
        }
        for (key, what) in [("variables", "variables"), ("tools", "tools")] {
            node.get(key)
                .map_or(Ok(()), |list| list.at_most(MAX_LISTED, what))?;
        }
        let mut variables: Vec<Variable> = Vec::new();
        for declaration in node.get_items("variables")? {
            let variable = Variable::read(&declaration, patterns)?;
            if variables
                .iter()
                .any(|other| other.name() == variable.name())
            {
                return Err(declaration
                    .error(format!(
                        "the variable `{}` is declared twice",
                        variable.name()
                    ))
                    .about(variable.name()));
            }
            variables.push(variable);
        }
        let mut overrides = Vec::new();
        if let Some(node) = node.get("model_overrides") {
            for (model, node) in node.entries()? {
                overrides.push((model.to_owned(), ModelOverride::read(&node)?));
            }
        }
        let text = |key| Ok::<_, PackError>(node.get_string(key)?.map(str::to_owned));
        Ok(Self {
            name: name.to_owned(),
            title: text("name")?,
            description: text("description")?,
            version: text("version")?,
            template: template.string()?.to_owned(),
            variables,
            tools: node.get_strings("tools")?.unwrap_or_default(),
            policy: ToolPolicy::read(node.get("tool_policy").as_ref())?,
            parameters: Parameters::read(node.get("parameters").as_ref())?,
            media: node
                .get("media")
                .map(|node| MediaConfig::read(&node))
                .transpose()?,
            validators: Validators::read(&node.get_items("validators")?, patterns)?,
            overrides,
        })
    }

    pub(super) fn variables(&self) -> &[Variable] {
        &self.variables
    }
}

impl Prompt {
    pub(super) fn new(pack: PromptPack, data: Arc<PromptData>) -> Self {
        Self { pack, data }
    }

    /// The name by which the pack lists it (the task type).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.data.name
    }

    /// Its title for people; its name where the pack gives none.
    #[must_use]
    pub fn title(&self) -> &str {
        self.data.title.as_deref().unwrap_or(&self.data.name)
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.data.description.as_deref()
    }

    /// Its own version; `None` where the pack gives none, and the pack's version is the only one.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.data.version.as_deref()
    }

    /// The pack it belongs to.
    #[must_use]
    pub fn pack(&self) -> &PromptPack {
        &self.pack
    }

    /// The template as the pack has it.
    #[must_use]
    pub fn template(&self) -> &str {
        &self.data.template
    }

    /// The variables it declares, in the pack's order.
    #[must_use]
    pub fn variables(&self) -> &[Variable] {
        &self.data.variables
    }

    /// The system prompt for any model without an override.
    ///
    /// # Errors
    /// `MissingVariable` and `InvalidVariable` for what was given, whether the template uses the variable or not;
    /// `Template` if the template cannot be rendered. All name the prompt.
    pub fn render(&self, variables: &Variables) -> Result<String, PackError> {
        self.render_template(&self.data.template, variables)
    }

    /// The system prompt for `model`, with the pack's override for it if there is one.
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
            prompt: &self.data.name,
            fragments: self.pack.fragments(),
            declared: &self.data.variables,
            given,
        };
        template::render(template, &scope).map_err(|error| error.in_file(self.pack.path()))
    }

    /// The parameters for any model without an override.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.data.parameters
    }

    /// The parameters for `model`: the prompt's, with those of the model's override taking precedence.
    #[must_use]
    pub fn parameters_for(&self, model: &str) -> Parameters {
        self.model_override(model).map_or_else(
            || self.data.parameters.clone(),
            |over| self.data.parameters.overridden_by(over.parameters()),
        )
    }

    /// The override for `model`: the one of that name, else the longest name of which `model` is a dated version
    /// (`gpt-4o` for `gpt-4o-2024-08-06`, `gpt-4o-20240806` or `gpt-4o-latest`).
    #[must_use]
    pub fn model_override(&self, model: &str) -> Option<&ModelOverride> {
        let fitting = self
            .data
            .overrides
            .iter()
            .filter(|(key, _)| overrides::is_meant_for(key, model));
        fitting
            .max_by_key(|(key, _)| key.len())
            .map(|(_, over)| over)
    }

    /// Whether the pack lists tools for it, blocked ones among them. One that lists none leaves the choice to code.
    pub(crate) fn lists_tools(&self) -> bool {
        !self.data.tools.is_empty()
    }

    /// The tools the model may be told of, in the prompt's order: those the pack defines, without blocked ones.
    pub fn tools(&self) -> impl Iterator<Item = &PackTool> {
        let names = self
            .data
            .tools
            .iter()
            .filter(|name| !self.data.policy.blocklist().contains(name));
        names.filter_map(|name| self.pack.tool(name))
    }

    /// Names in the prompt's tool list that the pack does not define: tools that have to come from code. Without
    /// blocked ones.
    pub fn undefined_tools(&self) -> impl Iterator<Item = &str> {
        let names = self
            .data
            .tools
            .iter()
            .filter(|name| !self.data.policy.blocklist().contains(name));
        names
            .map(String::as_str)
            .filter(|name| self.pack.tool(name).is_none())
    }

    /// How tools may be used.
    #[must_use]
    pub fn tool_policy(&self) -> &ToolPolicy {
        &self.data.policy
    }

    /// The limits for media; `None` where the pack has none, and media is not limited by the pack.
    #[must_use]
    pub fn media(&self) -> Option<&MediaConfig> {
        self.data.media.as_ref()
    }

    /// The checks of answers.
    #[must_use]
    pub fn validators(&self) -> &Validators {
        &self.data.validators
    }

    /// What a conversation's state remembers, so that it can be resumed.
    #[must_use]
    pub fn reference(&self, variables: &Variables) -> PackRef {
        PackRef::new(
            self.pack.id(),
            self.pack.version(),
            &self.data.name,
            variables.clone(),
        )
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("pack", &self.pack.id())
            .field("name", &self.data.name)
            .field("version", &self.data.version)
            .finish_non_exhaustive()
    }
}
