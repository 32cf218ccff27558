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
#[non_exhaustive]
pub struct ValidatorConfig {
    /// The type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether the validator runs. Defaults to true.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Whether a violation fails the answer; otherwise it is only reported. Defaults to false.
    #[serde(default)]
    pub fail_on_violation: bool,
    /// The message for users about a violation. Defaults to the reason.
    pub message: Option<String>,
    /// The parameters.
    pub params: Option<Map<String, Value>>,
}

fn enabled() -> bool {
    true
}

impl ValidatorConfig {
    /// Creates a validator of any type, with its parameters as a pack writes them.
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
}
