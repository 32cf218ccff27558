//! What a prompt changes for single models.

use super::error::PackError;
use super::node::Node;
use super::parameters::Parameters;

/// Changes of a prompt for one model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelOverride {
    template: Option<String>,
    prefix: String,
    suffix: String,
    parameters: Parameters,
}

impl ModelOverride {
    pub(super) fn read(node: &Node<'_>) -> Result<Self, PackError> {
        node.object()?;
        let text = |key| Ok::<_, PackError>(node.get_string(key)?.map(str::to_owned));
        Ok(Self {
            template: text("system_template")?,
            prefix: text("system_template_prefix")?.unwrap_or_default(),
            suffix: text("system_template_suffix")?.unwrap_or_default(),
            parameters: Parameters::read(node.get("parameters").as_ref())?,
        })
    }

    /// The parameters that differ for this model.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The template for this model: its own or `base`, between its prefix and suffix. Nothing is put between them.
    pub(super) fn template(&self, base: &str) -> String {
        let template = self.template.as_deref().unwrap_or(base);
        [&self.prefix, template, &self.suffix].concat()
    }
}

/// Whether the override named `key` is meant for `model`: the same name, or `model` is a dated or `latest` version of
/// it, as in `gpt-4o-2024-08-06`, `claude-3-opus-20240229` or `claude-3-opus-latest`.
pub(super) fn is_meant_for(key: &str, model: &str) -> bool {
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
