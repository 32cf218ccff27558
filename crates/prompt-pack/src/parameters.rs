//! Parameters of generation.

use std::num::NonZeroU64;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Parameters of generation. What is `None` is left to the provider, and so are the ranges, which
/// differ between models.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct Parameters {
    /// The sampling temperature.
    pub temperature: Option<f64>,
    /// The largest number of tokens of one answer.
    pub max_tokens: Option<NonZeroU64>,
    /// The probability mass of nucleus sampling.
    pub top_p: Option<f64>,
    /// The number of candidates of top-k sampling.
    pub top_k: Option<NonZeroU64>,
    /// The penalty for the frequency of tokens.
    pub frequency_penalty: Option<f64>,
    /// The penalty for the presence of tokens.
    pub presence_penalty: Option<f64>,
    /// Parameters that this crate does not name, as the pack has them.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Parameters {
    /// Returns these parameters with those of `over` taking precedence one by one.
    #[must_use]
    pub fn overridden_by(&self, over: &Self) -> Self {
        let mut other = self.other.clone();
        other.extend(over.other.clone());
        Self {
            temperature: over.temperature.or(self.temperature),
            max_tokens: over.max_tokens.or(self.max_tokens),
            top_p: over.top_p.or(self.top_p),
            top_k: over.top_k.or(self.top_k),
            frequency_penalty: over.frequency_penalty.or(self.frequency_penalty),
            presence_penalty: over.presence_penalty.or(self.presence_penalty),
            other,
        }
    }
}
