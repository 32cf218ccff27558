//! Checks of prompts that concern other parts of their pack. Paths start at the pack.

use std::collections::BTreeMap;

use conversation_types::ToolDefinition;

use crate::compiled::CompiledPrompt;
use crate::definition::TemplateEngine;
use crate::fault::Fault;
use crate::options::{PackOptions, PackWarning};
use crate::path::escape_for_display;
use crate::validators::Rule;

/// Checks the template engine. Another syntax would leave every placeholder in the text, so it is
/// an error and not a warning.
pub(crate) fn check_engine(
    engine: &TemplateEngine,
    warnings: &mut Vec<PackWarning>,
) -> Result<(), Fault> {
    if let Some(syntax) = &engine.syntax
        && !syntax.contains("{{")
    {
        let syntax = escape_for_display(syntax);
        return Err(
            Fault::new(format!("unsupported template syntax `{syntax}`"))
                .with_hint("Write templates with {{variable}}")
                .in_key("syntax")
                .in_key("template_engine"),
        );
    }
    for (index, feature) in engine.features.iter().enumerate() {
        if !["basic_substitution", "fragments"].contains(&feature.as_str()) {
            let feature = escape_for_display(feature);
            let fault = Fault::new(format!("unsupported template feature `{feature}`"));
            let fault = fault.in_index(index).in_key("features");
            warnings.push(PackWarning::new(fault.in_key("template_engine")));
        }
    }
    Ok(())
}

/// Checks the template of a prompt and its tools against those of the pack, and warns of variables
/// and validators of unknown types.
pub(crate) fn check_prompt(
    prompt: &CompiledPrompt,
    tools: &BTreeMap<String, ToolDefinition>,
    options: &PackOptions,
    warnings: &mut Vec<PackWarning>,
) -> Result<(), Fault> {
    let place = |fault: Fault| fault.in_key(&prompt.name).in_key("prompts");
    let definition = &prompt.definition;
    if definition.system_template.is_empty() {
        return Err(place(
            Fault::new("the template is empty").in_key("system_template"),
        ));
    }
    for (index, name) in definition.tools.iter().enumerate() {
        if tools.contains_key(name) {
            continue;
        }
        let shown = escape_for_display(name);
        let fault = Fault::new(format!("the pack does not define the tool `{shown}`"));
        let fault = place(fault.about(name).in_index(index).in_key("tools"));
        if !tools.is_empty() && !options.undefined_tools {
            return Err(fault.with_hint(format!(
                "Define the tool `{shown}` under `tools`, take it out of the prompt, or, if the \
                 program provides it, load the pack with \
                 `PackOptions::new().with_undefined_tools(true)`"
            )));
        }
        warnings.push(PackWarning::new(fault));
    }
    for (index, variable) in definition.variables.iter().enumerate() {
        if !variable.has_known_type() {
            let kind = escape_for_display(&variable.type_name);
            let fault = Fault::new(format!("values of the type `{kind}` are not checked"));
            let fault = fault.in_key("type").in_index(index).in_key("variables");
            warnings.push(PackWarning::new(place(fault)));
        }
    }
    for (index, (validator, rule)) in definition.validators.iter().zip(&prompt.rules).enumerate() {
        if matches!(rule, Rule::Unknown) {
            let kind = escape_for_display(&validator.kind);
            let fault = Fault::new(format!(
                "the validator `{kind}` is not supported and does not run"
            ));
            let fault = fault.in_index(index).in_key("validators");
            warnings.push(PackWarning::new(place(fault)));
        }
    }
    Ok(())
}
