//! What one API accepts.

use media_types::{MediaType, Mime};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::rule::{MediaRule, ParameterRule};
use crate::data::{matches_pattern, without_vendor};

/// What one API accepts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiCapabilities {
    note: String,
    max_request_bytes: Option<u64>,
    max_items: Option<usize>,
    media: Vec<MediaRule>,
    parameters: Vec<ParameterRule>,
}

impl ApiCapabilities {
    /// Returns the largest request in bytes, media as base64 included; `None` without a limit.
    pub fn max_request_bytes(&self) -> Option<u64> {
        self.max_request_bytes
    }

    /// Returns the largest number of media items of a request; `None` without a limit.
    pub fn max_items(&self) -> Option<usize> {
        self.max_items
    }

    /// Returns what one model accepts: with the rules that are for this model alone, which have no
    /// effect before.
    #[must_use]
    pub fn for_model(&self, model: &str) -> Self {
        let model = without_vendor(model);
        let mut narrowed = self.clone();
        let is_for = |rule: &MediaRule| {
            let mut patterns = rule.models.iter();
            rule.models.is_empty() || patterns.any(|pattern| matches_pattern(pattern, model))
        };
        narrowed.media.retain(is_for);
        for rule in &mut narrowed.media {
            rule.models.clear();
        }
        narrowed
    }

    /// Returns a note on these facts: which of them are estimates.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Returns whether media of a type can be sent in any form.
    pub fn accepts(&self, mime: &Mime) -> bool {
        self.rule(mime).is_some_and(|rule| !rule.accepts_nothing())
    }

    /// The rule for a type; for a type that says nothing, that of its kind.
    pub(crate) fn rule_for(&self, mime: &Mime, kind: MediaType) -> Option<&MediaRule> {
        if *mime != Mime::OCTET_STREAM {
            return self.rule(mime);
        }
        let of_kind = |pattern: &String| {
            let top = pattern.split('/').next();
            matches!(top, Some("*")) || top == Some(kind.as_str())
        };
        let mut rules = self.rules();
        rules.find(|rule| rule.mime.iter().any(of_kind))
    }

    pub(crate) fn rule(&self, mime: &Mime) -> Option<&MediaRule> {
        let mime = mime.as_str();
        let mut rules = self.rules();
        rules.find(|rule| {
            let mut patterns = rule.mime.iter();
            patterns.any(|pattern| matches_pattern(pattern, mime))
        })
    }

    fn rules(&self) -> impl Iterator<Item = &MediaRule> {
        self.media.iter().filter(|rule| rule.models.is_empty())
    }

    /// Returns the parameters as a model wants them: some under another name, some left out.
    pub fn adapt_parameters(
        &self,
        model: &str,
        mut parameters: Map<String, Value>,
    ) -> Map<String, Value> {
        let model = without_vendor(model);
        let is_for = |rule: &&ParameterRule| {
            let mut patterns = rule.models.iter();
            patterns.any(|pattern| matches_pattern(pattern, model))
        };
        if let Some(rule) = self.parameters.iter().find(is_for) {
            for name in &rule.omit {
                parameters.remove(name);
            }
            for (from, to) in &rule.rename {
                if let Some(value) = parameters.remove(from) {
                    parameters.entry(to.as_str()).or_insert(value);
                }
            }
        }
        parameters
    }
}
