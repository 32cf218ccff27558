//! Validators as a pack declares them.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A validator as a pack declares it.
///
/// | type | `params` | what violates it |
/// |---|---|---|
/// | `banned_words` | `words` | one of the words or phrases, whole, in any case |
/// | `max_length` | `max_characters`, `max_tokens` | more than that |
/// | `min_length` | `min_characters`, `min_tokens` | less than that |
/// | `length` | all four | more or less than that |
/// | `regex_match` | `pattern`, `must_match` (true) | no match anywhere; a match where `must_match` is false |
///
/// Tokens are estimated as a quarter of the characters, rounded up. Other types are kept and do not
/// run. Words are at most 10,000 of 1 to 200 bytes each.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ValidatorConfig {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default = "enabled")]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) fail_on_violation: bool,
    pub(super) message: Option<String>,
    pub(super) params: Option<Map<String, Value>>,
}

fn enabled() -> bool {
    true
}

impl ValidatorConfig {
    /// Creates an enabled validator of any type, with its parameters as a pack writes them.
    /// Violations are reported and do not fail the answer.
    #[must_use]
    pub fn new(kind: impl Into<String>, params: Map<String, Value>) -> Self {
        Self {
            kind: kind.into(),
            enabled: true,
            fail_on_violation: false,
            message: None,
            params: Some(params),
        }
    }

    /// Creates a validator that is violated by an answer with one of the words or phrases.
    #[must_use]
    pub fn banned_words<S: Into<String>>(words: impl IntoIterator<Item = S>) -> Self {
        let words: Vec<String> = words.into_iter().map(Into::into).collect();
        Self::with_param("banned_words", "words", json!(words))
    }

    /// Creates a validator that is violated by an answer of more characters.
    #[must_use]
    pub fn max_characters(characters: u64) -> Self {
        Self::with_param("max_length", "max_characters", json!(characters))
    }

    /// Creates a validator that is violated by an answer in which a regular expression matches
    /// nothing.
    #[must_use]
    pub fn must_match(pattern: impl Into<String>) -> Self {
        Self::with_param("regex_match", "pattern", json!(pattern.into()))
    }

    fn with_param(kind: &str, name: &str, value: Value) -> Self {
        Self::new(kind, Map::from_iter([(name.to_owned(), value)]))
    }

    /// Sets whether a violation fails the answer. Defaults to false.
    #[must_use]
    pub fn with_fail_on_violation(mut self, fail: bool) -> Self {
        self.fail_on_violation = fail;
        self
    }

    /// Sets what users are told of a violation. Defaults to the reason.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Returns the type, as the pack writes it.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether the validator runs.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether a violation fails the answer; otherwise it is only reported.
    #[must_use]
    pub fn fails_on_violation(&self) -> bool {
        self.fail_on_violation
    }

    /// Returns the parameters, as the pack has them.
    #[must_use]
    pub fn params(&self) -> Option<&Map<String, Value>> {
        self.params.as_ref()
    }
}
