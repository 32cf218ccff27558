//! Parameters of generation.

use std::num::NonZeroU64;

use serde::Deserialize;
use serde_json::{Map, Value};

/// Parameters of generation. What is not set is left to the provider, and so are the ranges, which
/// differ between models.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Parameters {
    temperature: Option<f64>,
    max_tokens: Option<NonZeroU64>,
    top_p: Option<f64>,
    top_k: Option<NonZeroU64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Parameters {
    /// Creates parameters of which none is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the sampling temperature.
    #[must_use]
    pub fn with_temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Sets the largest number of tokens of one answer; 0 leaves it to the provider.
    #[must_use]
    pub fn with_max_tokens(mut self, tokens: u64) -> Self {
        self.max_tokens = NonZeroU64::new(tokens);
        self
    }

    /// Sets the probability mass of nucleus sampling.
    #[must_use]
    pub fn with_top_p(mut self, top_p: f64) -> Self {
        self.top_p = Some(top_p);
        self
    }

    /// Sets the number of candidates of top-k sampling; 0 leaves it to the provider.
    #[must_use]
    pub fn with_top_k(mut self, top_k: u64) -> Self {
        self.top_k = NonZeroU64::new(top_k);
        self
    }

    /// Sets the frequency penalty.
    #[must_use]
    pub fn with_frequency_penalty(mut self, penalty: f64) -> Self {
        self.frequency_penalty = Some(penalty);
        self
    }

    /// Sets the presence penalty.
    #[must_use]
    pub fn with_presence_penalty(mut self, penalty: f64) -> Self {
        self.presence_penalty = Some(penalty);
        self
    }

    /// Sets a parameter that this crate does not name, such as `seed`.
    #[must_use]
    pub fn with_other(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.other.insert(name.into(), value.into());
        self
    }

    /// Returns the sampling temperature.
    #[must_use]
    pub fn temperature(&self) -> Option<f64> {
        self.temperature
    }

    /// Returns the largest number of tokens of one answer; at least 1.
    #[must_use]
    pub fn max_tokens(&self) -> Option<u64> {
        self.max_tokens.map(NonZeroU64::get)
    }

    /// Returns the probability mass of nucleus sampling.
    #[must_use]
    pub fn top_p(&self) -> Option<f64> {
        self.top_p
    }

    /// Returns the number of candidates of top-k sampling; at least 1.
    #[must_use]
    pub fn top_k(&self) -> Option<u64> {
        self.top_k.map(NonZeroU64::get)
    }

    /// Returns the frequency penalty.
    #[must_use]
    pub fn frequency_penalty(&self) -> Option<f64> {
        self.frequency_penalty
    }

    /// Returns the presence penalty.
    #[must_use]
    pub fn presence_penalty(&self) -> Option<f64> {
        self.presence_penalty
    }

    /// Returns the parameters that this crate does not name, as the pack has them.
    #[must_use]
    pub fn other(&self) -> &Map<String, Value> {
        &self.other
    }

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
