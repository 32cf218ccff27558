//! Checks that concern more than one part of a pack.

use std::collections::BTreeMap;

use crate::fault::Fault;
use crate::file::TemplateEngine;
use crate::options::{PackOptions, PackWarning};
use crate::path::{JsonPath, escape_for_display};
use crate::prompt_data::PromptData;
use crate::variable::VariableType;
use conversation_types::ToolDefinition;

/// Checks the template engine. The path of an error starts at it.
///
/// Another syntax would leave every placeholder in the text, so it is an error and not a warning.
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
                .in_key("syntax"),
        );
    }
    let features = JsonPath::default().key("template_engine").key("features");
    for (index, feature) in engine.features.iter().enumerate() {
        if !["basic_substitution", "fragments"].contains(&feature.as_str()) {
            let feature = escape_for_display(feature);
            let message = format!("unsupported template feature `{feature}`");
            warnings.push(PackWarning::new(features.index(index), message));
        }
    }
    Ok(())
}

/// Checks that a prompt of a pack has a template. The path of an error starts at the prompt.
pub(crate) fn check_template(prompt: &PromptData) -> Result<(), Fault> {
    if prompt.template.is_empty() {
        return Err(Fault::new("the template is empty").in_key("system_template"));
    }
    Ok(())
}

/// Checks the tools that a prompt lists against those of the pack. The path of an error starts at
/// the prompt.
pub(crate) fn check_tools(
    prompt: &PromptData,
    tools: &BTreeMap<String, ToolDefinition>,
    options: &PackOptions,
    warnings: &mut Vec<PackWarning>,
) -> Result<(), Fault> {
    let path = path_of(prompt).key("tools");
    for (index, name) in prompt.tools.iter().enumerate() {
        if tools.contains_key(name) {
            continue;
        }
        let shown = escape_for_display(name);
        if !tools.is_empty() && !options.allows_undefined_tools() {
            return Err(
                Fault::new(format!("the pack does not define the tool `{shown}`"))
                    .about(name)
                    .with_hint(format!(
                        "Define the tool `{shown}` under `tools`, take it out of the prompt, or, \
                         if the program provides it, load the pack with \
                         `PackOptions::new().with_undefined_tools(true)`"
                    ))
                    .in_index(index)
                    .in_key("tools"),
            );
        }
        let message = format!(
            "the pack does not define the tool `{shown}`, so the program has to provide it"
        );
        warnings.push(PackWarning::new(path.index(index), message));
    }
    Ok(())
}

/// Warns of variables and validators of types that this crate does not know.
pub(crate) fn warn_of_unknown_types(prompt: &PromptData, warnings: &mut Vec<PackWarning>) {
    let path = path_of(prompt);
    for (index, declared) in prompt.variables.iter().enumerate() {
        if declared.variable.variable_type() == VariableType::Other {
            let kind = escape_for_display(declared.variable.type_name());
            let message = format!("values of the type `{kind}` are not checked");
            let path = path.key("variables").index(index).key("type");
            warnings.push(PackWarning::new(path, message));
        }
    }
    for (index, validator) in prompt.validators.iter().enumerate() {
        if validator.is_enabled() && !validator.is_supported() {
            let kind = escape_for_display(validator.kind());
            let message = format!("the validator `{kind}` is not supported and does not run");
            let path = path.key("validators").index(index);
            warnings.push(PackWarning::new(path, message));
        }
    }
}

fn path_of(prompt: &PromptData) -> JsonPath {
    JsonPath::default().key("prompts").key(&prompt.name)
}
