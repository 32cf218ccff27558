//! A prompt that was checked, with its patterns and rules compiled.

use std::collections::BTreeSet;

use regex::Regex;

use crate::definition::PromptDefinition;
use crate::fault::{Fault, Within as _};
use crate::names;
use crate::path::escape_for_display;
use crate::patterns::PatternCompiler;
use crate::validators::Rule;

/// The largest length of lists that are searched for each item of another list.
const MAX_LISTED: usize = 1000;

#[derive(Debug)]
pub(crate) struct CompiledPrompt {
    pub(crate) name: String,
    pub(crate) definition: PromptDefinition,
    /// Of the variables, in their order.
    pub(crate) patterns: Vec<Option<Regex>>,
    /// Of the validators, in their order.
    pub(crate) rules: Vec<Rule>,
}

impl CompiledPrompt {
    /// Checks and compiles a prompt. The path of an error starts at the prompt.
    pub(crate) fn new(
        name: &str,
        definition: PromptDefinition,
        compiler: &mut PatternCompiler,
    ) -> Result<Self, Fault> {
        let PromptDefinition {
            variables,
            tools,
            tool_policy,
            validators,
            ..
        } = &definition;
        names::check_prompt_name(name)?;
        if let Some(id) = &definition.id {
            names::check_prompt_id(id).in_key("id")?;
        }
        if let Some(version) = &definition.version {
            names::check_version(version).in_key("version")?;
        }
        check_length(variables).in_key("variables")?;
        check_length(tools).in_key("tools")?;
        check_length(&tool_policy.blocklist)
            .in_key("blocklist")
            .in_key("tool_policy")?;
        let names = variables.iter().map(|variable| &variable.name);
        check_unique("variable", names).in_key("variables")?;
        check_unique("tool", tools.iter()).in_key("tools")?;
        let mut patterns = Vec::with_capacity(variables.len());
        for (index, variable) in variables.iter().enumerate() {
            let pattern = variable.compile(compiler);
            patterns.push(pattern.in_index(index).in_key("variables")?);
        }
        let mut rules = Vec::with_capacity(validators.len());
        for (index, validator) in validators.iter().enumerate() {
            let rule = Rule::new(validator, compiler);
            rules.push(rule.in_index(index).in_key("validators")?);
        }
        Ok(Self {
            name: name.to_owned(),
            definition,
            patterns,
            rules,
        })
    }
}

fn check_length<T>(list: &[T]) -> Result<(), Fault> {
    if list.len() <= MAX_LISTED {
        return Ok(());
    }
    Err(Fault::new(format!(
        "the list has more than {MAX_LISTED} items"
    )))
}

fn check_unique<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            let message = format!("the {what} `{}` is listed twice", escape_for_display(name));
            return Err(Fault::new(message).about(name).in_index(index));
        }
    }
    Ok(())
}
