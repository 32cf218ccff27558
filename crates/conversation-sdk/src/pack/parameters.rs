//! Generation parameters of a prompt.

use serde_json::{Map, Value};

use super::error::PackError;
use super::node::Node;

/// Parameters of generation; what the pack does not say is `None` and left to the provider.
///
/// Ranges are the provider's to judge: the limits differ between models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    temperature: Option<f64>,
    max_tokens: Option<u64>,
    top_p: Option<f64>,
    top_k: Option<u64>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    other: Map<String, Value>,
}

impl Parameters {
    pub(super) fn read(node: Option<&Node<'_>>) -> Result<Self, PackError> {
        let Some(node) = node else {
            return Ok(Self::default());
        };
        const KNOWN: [&str; 6] = [
            "temperature",
            "max_tokens",
            "top_p",
            "top_k",
            "frequency_penalty",
            "presence_penalty",
        ];
        let other = node
            .object()?
            .iter()
            .filter(|(key, _)| !KNOWN.contains(&key.as_str()));
        Ok(Self {
            temperature: node.get_number("temperature")?,
            max_tokens: node.get_positive("max_tokens")?,
            top_p: node.get_number("top_p")?,
            top_k: node.get_positive("top_k")?,
            frequency_penalty: node.get_number("frequency_penalty")?,
            presence_penalty: node.get_number("presence_penalty")?,
            other: other
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        })
    }

    /// Sampling temperature.
    #[must_use]
    pub fn temperature(&self) -> Option<f64> {
        self.temperature
    }

    /// Most tokens of one answer; at least 1.
    #[must_use]
    pub fn max_tokens(&self) -> Option<u64> {
        self.max_tokens
    }

    /// Nucleus sampling.
    #[must_use]
    pub fn top_p(&self) -> Option<f64> {
        self.top_p
    }

    /// Top-k sampling; at least 1.
    #[must_use]
    pub fn top_k(&self) -> Option<u64> {
        self.top_k
    }

    /// Penalty for the frequency of tokens.
    #[must_use]
    pub fn frequency_penalty(&self) -> Option<f64> {
        self.frequency_penalty
    }

    /// Penalty for the presence of tokens.
    #[must_use]
    pub fn presence_penalty(&self) -> Option<f64> {
        self.presence_penalty
    }

    /// Parameters this crate does not name, as the pack has them.
    #[must_use]
    pub fn other(&self) -> &Map<String, Value> {
        &self.other
    }

    /// These parameters with those of `over` taking precedence one by one.
    #[must_use]
    pub fn overridden_by(&self, over: &Self) -> Self {
        let mut other = self.other.clone();
        other.extend(
            over.other
                .iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
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
