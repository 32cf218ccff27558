//! What a prompt changes for single models.

use serde::Deserialize;

use crate::parameters::Parameters;

/// Changes of a prompt for one model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ModelOverride {
    /// The template that replaces the one of the prompt.
    pub system_template: Option<String>,
    /// Text directly before the template.
    pub system_template_prefix: String,
    /// Text directly after the template.
    pub system_template_suffix: String,
    /// The parameters that differ from the prompt's.
    pub parameters: Parameters,
}

impl ModelOverride {
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
