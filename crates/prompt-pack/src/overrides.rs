//! What a prompt changes for single models.

use serde::Deserialize;

use crate::parameters::Parameters;

/// Changes of a prompt for one model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ModelOverride {
    system_template: Option<String>,
    #[serde(default)]
    system_template_prefix: String,
    #[serde(default)]
    system_template_suffix: String,
    #[serde(default)]
    parameters: Parameters,
}

impl ModelOverride {
    /// Creates an override that changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the template that replaces the one of the prompt. Defaults to the prompt's.
    #[must_use]
    pub fn with_system(mut self, template: impl Into<String>) -> Self {
        self.system_template = Some(template.into());
        self
    }

    /// Sets the text directly before the template. Defaults to none.
    #[must_use]
    pub fn with_prefix(mut self, template: impl Into<String>) -> Self {
        self.system_template_prefix = template.into();
        self
    }

    /// Sets the text directly after the template. Defaults to none.
    #[must_use]
    pub fn with_suffix(mut self, template: impl Into<String>) -> Self {
        self.system_template_suffix = template.into();
        self
    }

    /// Sets the parameters that differ from the prompt's. Defaults to none.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// Returns the parameters that differ from the prompt's.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the template for this model: its own or `base`, between its prefix and suffix.
    pub(crate) fn template(&self, base: &str) -> String {
        let template = self.system_template.as_deref().unwrap_or(base);
        [
            &self.system_template_prefix,
            template,
            &self.system_template_suffix,
        ]
        .concat()
    }
}

/// Whether the override named `key` is meant for `model`: the same name, or `model` is a dated or
/// `latest` version of it, as `gpt-4o-2024-08-06` and `claude-3-opus-latest` are.
pub(crate) fn is_meant_for(key: &str, model: &str) -> bool {
    let Some(rest) = model.strip_prefix(key) else {
        return false;
    };
    if rest.is_empty() {
        return true;
    }
    let Some(version) = rest.strip_prefix('-').or_else(|| rest.strip_prefix('@')) else {
        return false;
    };
    let digits = version.bytes().filter(u8::is_ascii_digit).count();
    version == "latest" || (digits == 8 && version.bytes().all(|b| b.is_ascii_digit() || b == b'-'))
}

#[cfg(test)]
mod tests {
    use super::is_meant_for;

    #[test]
    fn names_match_exactly_or_with_a_date() {
        for model in [
            "gpt-4o",
            "gpt-4o-2024-08-06",
            "gpt-4o-20240806",
            "gpt-4o-latest",
            "gpt-4o@20240806",
        ] {
            assert!(is_meant_for("gpt-4o", model), "{model}");
        }
        for model in [
            "gpt-4o-mini",
            "gpt-4",
            "gpt-4o-",
            "gpt-4o-2024",
            "gpt-4omni",
            "a/gpt-4o",
            "gpt-4o-mini-2024-08-06",
        ] {
            assert!(!is_meant_for("gpt-4o", model), "{model}");
        }
    }
}
