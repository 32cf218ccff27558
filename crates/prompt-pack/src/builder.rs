//! Prompts that are built in code.

use std::sync::Arc;

use conversation_types::ToolDefinition;

use crate::compiled::CompiledPrompt;
use crate::definition::PromptDefinition;
use crate::error::{Operation, PackError, PackErrorKind};
use crate::fault::Within as _;
use crate::media::MediaConfig;
use crate::names;
use crate::overrides::ModelOverride;
use crate::parameters::Parameters;
use crate::patterns::PatternCompiler;
use crate::prompt::{Prompt, PromptContext};
use crate::tools::ToolPolicy;
use crate::validators::ValidatorConfig;
use crate::variable::Variable;

/// Builds a [`Prompt`] without a pack.
///
/// ```
/// use prompt_pack::{Prompt, ValidatorConfig, Variable, Variables};
///
/// let prompt = Prompt::builder("support")
///     .with_system("You work for {{company}}.")
///     .with_variable(Variable::new("company", "string").with_required(true))
///     .with_tools(["search"])
///     .with_validator(ValidatorConfig::banned_words(["guarantee"]))
///     .build()?;
/// let system = prompt.render(&Variables::new().with("company", "Acme"))?;
/// assert_eq!(system, "You work for Acme.");
/// # Ok::<(), prompt_pack::PackError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct PromptBuilder {
    name: String,
    definition: PromptDefinition,
    tools: Vec<ToolDefinition>,
    fragments: Vec<(String, String)>,
}

impl Prompt {
    /// Creates a builder for a prompt of this name, which needs no pack.
    pub fn builder(name: impl Into<String>) -> PromptBuilder {
        PromptBuilder {
            name: name.into(),
            definition: PromptDefinition::default(),
            tools: Vec::new(),
            fragments: Vec::new(),
        }
    }
}

impl PromptBuilder {
    /// Sets the template of the system prompt. Text that is not a template goes through
    /// [`escape_template`](crate::escape_template). Defaults to no system prompt.
    pub fn with_system(mut self, template: impl Into<String>) -> Self {
        self.definition.system_template = template.into();
        self
    }

    /// Adds text under a name that templates use as `{{fragments.name}}`.
    pub fn with_fragment(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.fragments.push((name.into(), template.into()));
        self
    }

    /// Declares a variable.
    pub fn with_variable(mut self, variable: Variable) -> Self {
        self.definition.variables.push(variable);
        self
    }

    /// Lists tools of the program by name. A prompt that lists none leaves the choice to the
    /// program.
    pub fn with_tools<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        let names = names.into_iter().map(Into::into);
        self.definition.tools.extend(names);
        self
    }

    /// Lists a tool with a definition that takes precedence over the program's.
    pub fn with_tool_definition(mut self, tool: ToolDefinition) -> Self {
        self.definition.tools.push(tool.name.clone());
        self.tools.push(tool);
        self
    }

    /// Sets how tools may be used. Defaults to [`ToolPolicy::default`].
    pub fn with_tool_policy(mut self, policy: ToolPolicy) -> Self {
        self.definition.tool_policy = policy;
        self
    }

    /// Sets the parameters of generation. Defaults to the provider's.
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.definition.parameters = parameters;
        self
    }

    /// Sets the limits for media. Defaults to none.
    pub fn with_media(mut self, media: MediaConfig) -> Self {
        self.definition.media = Some(media);
        self
    }

    /// Adds a check of answers.
    pub fn with_validator(mut self, validator: ValidatorConfig) -> Self {
        self.definition.validators.push(validator);
        self
    }

    /// Sets what changes for a model and its dated versions.
    pub fn with_model_override(mut self, model: impl Into<String>, over: ModelOverride) -> Self {
        self.definition.model_overrides.insert(model.into(), over);
        self
    }

    /// Checks and compiles the prompt.
    ///
    /// # Errors
    /// `InvalidPack`, with the path that the value would have in a pack below its prompt.
    pub fn build(self) -> Result<Prompt, PackError> {
        let mut compiler = PatternCompiler::default();
        let compiled = CompiledPrompt::new(&self.name, self.definition, &mut compiler)
            .and_then(|compiled| {
                for (index, name) in compiled.definition.tools.iter().enumerate() {
                    names::check_identifier(name, "a tool name")
                        .in_index(index)
                        .in_key("tools")?;
                }
                Ok(compiled)
            })
            .map_err(|fault| {
                PackError::new(PackErrorKind::InvalidPack, Operation::Build, fault)
                    .of_prompt(&self.name)
            })?;
        let tools = self.tools.into_iter().map(|tool| (tool.name.clone(), tool));
        let context = PromptContext {
            pack: None,
            tools: tools.collect(),
            fragments: self.fragments.into_iter().collect(),
        };
        Ok(Prompt::new(Arc::new(context), compiled))
    }
}
