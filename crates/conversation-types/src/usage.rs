//! Token counts and costs.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// Where token counts come from, from the most to the least exact.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum UsageSource {
    /// The provider reported them with a complete answer.
    #[default]
    Reported,
    /// The provider reported some of them before the answer ended early.
    Partial,
    /// They are estimated from the bytes that were sent and received.
    Estimated,
}

impl UsageSource {
    fn is_reported(&self) -> bool {
        *self == Self::Reported
    }
}

/// Tokens and images that a model consumed and produced.
///
/// Counts add up without overflow. The source of a sum is the least exact source of its terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TokenUsage {
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Input tokens that the provider read from its prompt cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cached_input_tokens: u64,
    /// Input tokens that the provider wrote to its prompt cache.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Output tokens that the model used for reasoning.
    #[serde(skip_serializing_if = "is_zero")]
    pub reasoning_tokens: u64,
    /// Images that were generated.
    #[serde(skip_serializing_if = "is_zero")]
    pub images: u64,
    /// Where the counts come from.
    #[serde(skip_serializing_if = "UsageSource::is_reported")]
    pub source: UsageSource,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl TokenUsage {
    /// Creates a usage of input and output tokens.
    pub fn new(input_tokens: u64, output_tokens: u64) -> Self {
        Self {
            input_tokens,
            output_tokens,
            ..Self::default()
        }
    }

    /// Sets the number of cached input tokens. Defaults to 0.
    #[must_use]
    pub fn with_cached_input_tokens(mut self, tokens: u64) -> Self {
        self.cached_input_tokens = tokens;
        self
    }

    /// Sets the number of input tokens written to the prompt cache. Defaults to 0.
    #[must_use]
    pub fn with_cache_write_tokens(mut self, tokens: u64) -> Self {
        self.cache_write_tokens = tokens;
        self
    }

    /// Sets the number of reasoning tokens. Defaults to 0.
    #[must_use]
    pub fn with_reasoning_tokens(mut self, tokens: u64) -> Self {
        self.reasoning_tokens = tokens;
        self
    }

    /// Sets the number of generated images. Defaults to 0.
    #[must_use]
    pub fn with_images(mut self, images: u64) -> Self {
        self.images = images;
        self
    }

    /// Sets where the counts come from. Defaults to [`UsageSource::Reported`].
    #[must_use]
    pub fn with_source(mut self, source: UsageSource) -> Self {
        self.source = source;
        self
    }

    /// Returns whether every count is 0.
    pub fn is_zero(&self) -> bool {
        self.with_source(UsageSource::Reported) == Self::default()
    }
}

impl AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        // A server may report any number.
        let add = |to: &mut u64, more: u64| *to = to.saturating_add(more);
        add(&mut self.input_tokens, other.input_tokens);
        add(&mut self.cached_input_tokens, other.cached_input_tokens);
        add(&mut self.cache_write_tokens, other.cache_write_tokens);
        add(&mut self.output_tokens, other.output_tokens);
        add(&mut self.reasoning_tokens, other.reasoning_tokens);
        add(&mut self.images, other.images);
        self.source = self.source.max(other.source);
    }
}

impl Add for TokenUsage {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Sum for TokenUsage {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

/// An amount of money in US dollars, computed from a price table: an estimate, not an invoice.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cost(f64);

impl Cost {
    /// Creates an amount in US dollars.
    pub fn from_usd(usd: f64) -> Self {
        Self(usd)
    }

    /// Returns the amount in US dollars.
    pub fn usd(self) -> f64 {
        self.0
    }
}

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${:.4}", self.0)
    }
}
