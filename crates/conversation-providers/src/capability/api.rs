//! What one API accepts.

use std::time::Duration;

use media_types::{MediaType, Mime};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::rule::{LimitRule, MediaRule, ParameterRule};
use crate::data::{matches_pattern, without_vendor};
use crate::planner::{Limits, ManyImages};

/// How long an API that says nothing else keeps the beginning of a request.
const CACHE_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What one API accepts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiCapabilities {
    note: String,
    source: String,
    date: String,
    max_request_bytes: Option<u64>,
    max_items: Option<usize>,
    max_images: Option<usize>,
    many_images: Option<ManyImages>,
    cache_seconds: Option<u64>,
    limits: Vec<LimitRule>,
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

    /// Returns the largest number of images of a request; `None` without a limit.
    pub fn max_images(&self) -> Option<usize> {
        self.max_images
    }

    /// Returns how long the API keeps the beginning of a request, so that the next one that begins
    /// alike costs less. Defaults to 15 minutes.
    pub fn cache_lifetime(&self) -> Duration {
        self.cache_seconds
            .map_or(CACHE_LIFETIME, Duration::from_secs)
    }

    /// Returns where these facts are from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the date at which these facts were read.
    pub fn date(&self) -> &str {
        &self.date
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            bytes: self.max_request_bytes,
            items: self.max_items,
            images: self.max_images,
            many: self.many_images,
        }
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
        let is_of = |rule: &&LimitRule| {
            let mut patterns = rule.models.iter();
            patterns.any(|pattern| matches_pattern(pattern, model))
        };
        if let Some(rule) = self.limits.iter().find(is_of) {
            narrowed.max_request_bytes = rule.max_request_bytes.or(self.max_request_bytes);
            narrowed.max_items = rule.max_items.or(self.max_items);
            narrowed.max_images = rule.max_images.or(self.max_images);
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
