//! Validators that run, and what they report.

use std::fmt;

use serde_json::{Map, Value};

use super::config::ValidatorConfig;
use super::rule::{self, Rule};
use crate::fault::{Fault, Within as _};
use crate::path::escape_for_display;
use crate::patterns::PatternCompiler;

/// The validators of a prompt, in the order of the pack.
#[derive(Clone, Debug, Default)]
pub struct Validators(Vec<Validator>);

impl Validators {
    pub(crate) fn new(
        configs: Vec<ValidatorConfig>,
        patterns: &mut PatternCompiler,
    ) -> Result<Self, Fault> {
        let compile = |(index, config)| Validator::new(config, patterns).in_index(index);
        let validators: Result<_, _> = configs.into_iter().enumerate().map(compile).collect();
        validators.map(Self)
    }

    /// Returns all validators, also disabled and unsupported ones.
    pub fn iter(&self) -> std::slice::Iter<'_, Validator> {
        self.0.iter()
    }

    /// Whether there are no validators.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the types of enabled validators that this crate does not know and does not run.
    pub fn unsupported(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|one| one.is_enabled() && !one.is_supported())
            .map(Validator::kind)
    }

    /// Runs every enabled validator that is supported and returns all violations. Takes time linear
    /// in the length of the answer for each of them.
    #[must_use]
    pub fn check(&self, answer: &str) -> Vec<Violation> {
        self.0.iter().filter_map(|one| one.check(answer)).collect()
    }
}

impl<'a> IntoIterator for &'a Validators {
    type Item = &'a Validator;
    type IntoIter = std::slice::Iter<'a, Validator>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A check of answers. [`ValidatorConfig`] lists the types.
#[derive(Clone, Debug)]
pub struct Validator {
    config: ValidatorConfig,
    rule: Rule,
}

impl Validator {
    fn new(config: ValidatorConfig, patterns: &mut PatternCompiler) -> Result<Self, Fault> {
        let rule = Rule::new(&config, patterns)?;
        Ok(Self { config, rule })
    }

    /// Returns the type, as the pack writes it.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.config.kind()
    }

    /// Whether the validator runs. Defaults to true.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.config.is_enabled()
    }

    /// Whether a violation fails the answer; otherwise it is only reported. Defaults to false.
    #[must_use]
    pub fn fails_on_violation(&self) -> bool {
        self.config.fails_on_violation()
    }

    /// Whether this crate knows the type.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        rule::is_known(self.kind())
    }

    /// Returns the parameters, as the pack has them.
    #[must_use]
    pub fn params(&self) -> Option<&Map<String, Value>> {
        self.config.params()
    }

    /// Runs the validator. Returns `None` if nothing is violated, the validator is disabled, or its
    /// type is not known.
    #[must_use]
    pub fn check(&self, answer: &str) -> Option<Violation> {
        let reason = self.rule.violation(answer)?;
        Some(Violation {
            validator: self.kind().to_owned(),
            is_failure: self.fails_on_violation(),
            message: self.config.message.clone(),
            reason,
        })
    }
}

/// What an answer violates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    validator: String,
    is_failure: bool,
    message: Option<String>,
    reason: String,
}

impl Violation {
    /// Returns the type of the validator.
    #[must_use]
    pub fn validator(&self) -> &str {
        &self.validator
    }

    /// Whether the violation fails the answer; otherwise it is only reported.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.is_failure
    }

    /// Returns what users are told: the message of the pack, or the reason.
    #[must_use]
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or(&self.reason)
    }

    /// Returns what was found. It has no text of the answer but a word that the pack bans.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            escape_for_display(&self.validator),
            self.reason
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::read::read;

    fn compile(json: &Value) -> Result<Validator, Fault> {
        Validator::new(read(json)?, &mut PatternCompiler::default())
    }

    fn violates(json: Value, text: &str) -> bool {
        compile(&json).unwrap().check(text).is_some()
    }

    #[test]
    fn banned_words() {
        let json = json!({"type": "banned_words", "params": {"words": ["hate"]}});
        let violation = compile(&json).unwrap().check("I HATE it").unwrap();
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
        let violation = compile(&json).unwrap().check("x").unwrap();
        assert!(violation.is_failure());
        assert_eq!(
            (violation.message(), violation.validator()),
            ("Too long", "max_length")
        );
        assert_eq!(
            violation.to_string(),
            "max_length: the answer has 1 characters; the limit is 0"
        );
    }

    #[test]
    fn unknown_types_are_kept_and_disabled_ones_do_not_run() {
        let configs = json!([
            {"type": "pii_detection", "params": {"allow_pii": false}},
            {"type": "regex_match", "enabled": false, "params": {"pattern": "(?=x)"}},
            {"type": "mood", "enabled": false}
        ]);
        let configs: Vec<ValidatorConfig> = read(&configs).unwrap();
        let validators = Validators::new(configs, &mut PatternCompiler::default()).unwrap();
        assert_eq!(
            validators.unsupported().collect::<Vec<_>>(),
            ["pii_detection"]
        );
        let params = validators.iter().next().unwrap().params().unwrap();
        assert_eq!(params["allow_pii"], false);
        assert!(validators.iter().nth(1).unwrap().is_supported());
        assert_eq!(validators.check("anything"), []);
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
            let mut fault = compile(&json).unwrap_err();
            assert_eq!(fault.take_path().to_string(), path, "{json}");
        }
    }

    #[test]
    fn a_validator_in_code_is_the_one_of_a_pack() {
        let pack = |json: Value| read::<ValidatorConfig>(&json).unwrap();
        assert_eq!(
            pack(
                json!({"type": "banned_words", "fail_on_violation": true, "message": "m",
                "params": {"words": ["a"]}})
            ),
            ValidatorConfig::banned_words(["a"])
                .with_fail_on_violation(true)
                .with_message("m")
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
