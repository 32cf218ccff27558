//! What an answer violates.

use std::fmt;

use super::config::ValidatorConfig;
use super::rule::Rule;
use crate::path::escape_for_display;

/// What an answer violates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The type of the validator.
    pub validator: String,
    /// Whether the violation fails the answer; otherwise it is only reported.
    pub is_failure: bool,
    /// The message for users: that of the pack, or the reason.
    pub message: String,
    /// What was found. It has no text of the answer but a word that the pack bans.
    pub reason: String,
}

impl Violation {
    /// Checks an answer against one rule.
    pub(crate) fn find(config: &ValidatorConfig, rule: &Rule, answer: &str) -> Option<Self> {
        let reason = rule.violation(answer)?;
        Some(Self {
            validator: config.kind.clone(),
            is_failure: config.fail_on_violation,
            message: config.message.clone().unwrap_or_else(|| reason.clone()),
            reason,
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let validator = escape_for_display(&self.validator);
        write!(f, "{validator}: {}", self.reason)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fault::Fault;
    use crate::patterns::PatternCompiler;
    use crate::read::read;

    fn check(json: &Value, answer: &str) -> Result<Option<Violation>, Fault> {
        let config: ValidatorConfig = read(json)?;
        let rule = Rule::new(&config, &mut PatternCompiler::default())?;
        Ok(Violation::find(&config, &rule, answer))
    }

    fn violation(json: &Value, answer: &str) -> Violation {
        check(json, answer).unwrap().unwrap()
    }

    fn violates(json: Value, answer: &str) -> bool {
        check(&json, answer).unwrap().is_some()
    }

    #[test]
    fn banned_words() {
        let json = json!({"type": "banned_words", "params": {"words": ["hate"]}});
        let violation = violation(&json, "I HATE it");
        assert_eq!(
            violation.to_string(),
            "banned_words: the answer contains the banned word `hate`"
        );
        assert!(!violates(json, "whatever"));
    }

    #[test]
    fn lengths_at_the_limit_and_beyond() {
        let both = json!({"min_characters": 1, "max_characters": 2});
        for (kind, params, text, expected) in [
            ("max_length", json!({"max_characters": 3}), "äöü", false),
            ("max_length", json!({"max_characters": 3}), "äöüx", true),
            ("max_length", json!({"max_tokens": 1}), "abcd", false),
            ("max_length", json!({"max_tokens": 1}), "abcde", true),
            ("min_length", json!({"min_characters": 3}), "abc", false),
            ("min_length", json!({"min_characters": 3}), "ab", true),
            ("min_length", json!({"min_tokens": 2}), "abcde", false),
            ("min_length", json!({"min_tokens": 2}), "abcd", true),
            (
                "min_length",
                json!({"min_tokens": 1, "max_tokens": 1}),
                "abcde",
                false,
            ),
            (
                "max_length",
                json!({"min_tokens": 1, "max_tokens": 1}),
                "",
                false,
            ),
            ("length", both.clone(), "", true),
            ("length", both.clone(), "ab", false),
            ("length", both, "abc", true),
        ] {
            assert_eq!(
                violates(json!({"type": kind, "params": params}), text),
                expected,
                "{kind} {params} {text}"
            );
        }
    }

    #[test]
    fn patterns_both_ways() {
        let must = json!({"type": "regex_match", "params": {"pattern": "^\\d+$"}});
        assert!(!violates(must.clone(), "12") && violates(must, "12a"));
        let must_not =
            json!({"type": "regex_match", "params": {"pattern": "\\d", "must_match": false}});
        assert!(!violates(must_not.clone(), "a") && violates(must_not, "a1"));
    }

    #[test]
    fn failure_and_message_come_from_the_pack() {
        let json = json!({"type": "max_length", "fail_on_violation": true, "message": "Too long",
            "params": {"max_characters": 0}});
        let violation = violation(&json, "x");
        assert!(violation.is_failure);
        assert_eq!(
            (violation.message.as_str(), violation.validator.as_str()),
            ("Too long", "max_length")
        );
        assert_eq!(
            violation.to_string(),
            "max_length: the answer has 1 characters; the limit is 0"
        );
    }

    #[test]
    fn unknown_types_and_disabled_validators_do_not_run() {
        for json in [
            json!({"type": "pii_detection", "params": {"allow_pii": false}}),
            json!({"type": "regex_match", "enabled": false, "params": {"pattern": "(?=x)"}}),
            json!({"type": "mood", "enabled": false}),
        ] {
            assert!(!violates(json, "anything"));
        }
    }

    #[test]
    fn known_types_that_cannot_run_are_errors() {
        for (json, path) in [
            (json!({"params": {}}), ""),
            (json!({"type": ""}), "type"),
            (json!({"type": "banned_words"}), ""),
            (json!({"type": "banned_words", "params": []}), "params"),
            (
                json!({"type": "banned_words", "params": {"words": "x"}}),
                "params.words",
            ),
            (
                json!({"type": "banned_words", "params": {"words": [" "]}}),
                "params.words[0]",
            ),
            (
                json!({"type": "max_length", "params": {"min_characters": 1}}),
                "params",
            ),
            (
                json!({"type": "max_length", "params": {"max_characters": "9"}}),
                "params.max_characters",
            ),
            (
                json!({"type": "regex_match", "params": {"pattern": "("}}),
                "params.pattern",
            ),
            (
                json!({"type": "regex_match", "params": {"pattern": "(?=x)"}}),
                "params.pattern",
            ),
            (
                json!({"type": "regex_match", "params": {"pattern": "\\w{1000}{1000}"}}),
                "params.pattern",
            ),
        ] {
            let mut fault = check(&json, "").unwrap_err();
            assert_eq!(fault.take_path().to_string(), path, "{json}");
        }
    }

    #[test]
    fn a_validator_in_code_is_the_one_of_a_pack() {
        let pack = |json: Value| read::<ValidatorConfig>(&json).unwrap();
        assert_eq!(
            pack(json!({"type": "banned_words", "fail_on_violation": true,
                "params": {"words": ["a"]}})),
            ValidatorConfig::banned_words(["a"]).with_fail_on_violation(true)
        );
        assert_eq!(
            pack(json!({"type": "max_length", "params": {"max_characters": 3}})),
            ValidatorConfig::max_characters(3)
        );
        assert_eq!(
            pack(json!({"type": "regex_match", "params": {"pattern": "x"}})),
            ValidatorConfig::must_match("x")
        );
    }
}
