//! Checks of the model's answers.

use std::fmt;

use regex::Regex;
use serde_json::{Map, Value};

use super::error::{PackError, shown};
use super::node::Node;
use super::pattern::Patterns;

const MAX_WORDS: usize = 10_000;
const MAX_WORD_BYTES: usize = 200;

/// The validators of a prompt, in the pack's order.
#[derive(Clone, Debug, Default)]
pub struct Validators(Vec<Validator>);

impl Validators {
    pub(super) fn read(nodes: &[Node<'_>], patterns: &Patterns) -> Result<Self, PackError> {
        nodes
            .iter()
            .map(|node| Validator::read(node, patterns))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// All of them, disabled and unknown ones included.
    pub fn iter(&self) -> std::slice::Iter<'_, Validator> {
        self.0.iter()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Types of enabled validators that this crate does not know and [`check`](Self::check) does not run.
    pub fn unsupported(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|one| one.enabled && !one.is_supported())
            .map(Validator::kind)
    }

    /// Runs every enabled validator that is known.
    #[must_use]
    pub fn check(&self, text: &str) -> Vec<Violation> {
        self.0
            .iter()
            .filter_map(|validator| validator.check(text))
            .collect()
    }
}

impl<'a> IntoIterator for &'a Validators {
    type Item = &'a Validator;
    type IntoIter = std::slice::Iter<'a, Validator>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One check of answers.
///
/// | type | `params` | what violates it |
/// |---|---|---|
/// | `banned_words` | `words` | one of the words or phrases, whole, in any case |
/// | `max_length` | `max_characters`, `max_tokens` | more than that |
/// | `min_length` | `min_characters`, `min_tokens` | less than that |
/// | `length` | all four | more or less than that |
/// | `regex_match` | `pattern`, `must_match` (true) | no match anywhere; a match where `must_match` is false |
///
/// Tokens are estimated as a quarter of the characters, rounded up. Other types are kept and not run.
#[derive(Clone, Debug)]
pub struct Validator {
    kind: String,
    enabled: bool,
    fail_on_violation: bool,
    message: Option<String>,
    params: Map<String, Value>,
    rule: Rule,
}

#[derive(Clone, Debug)]
enum Rule {
    BannedWords(Vec<String>),
    Length {
        least: Length,
        most: Length,
    },
    Pattern {
        regex: Regex,
        must_match: bool,
    },
    Unknown,
    /// A disabled validator is not read any further, so its parameters may be anything.
    Disabled,
}

#[derive(Clone, Copy, Debug, Default)]
struct Length {
    characters: Option<u64>,
    tokens: Option<u64>,
}

impl Validator {
    fn read(node: &Node<'_>, patterns: &Patterns) -> Result<Self, PackError> {
        node.object()?;
        let kind = node.required("type")?.string()?;
        if kind.is_empty() {
            return Err(node.error("the type of the validator is empty"));
        }
        let params = match node.get("params") {
            None => Map::new(),
            Some(params) => params.object()?.clone(),
        };
        let enabled = node.get_bool("enabled")?.unwrap_or(true);
        let rule = if enabled {
            Rule::read(kind, node, patterns)?
        } else {
            Rule::Disabled
        };
        Ok(Self {
            kind: kind.to_owned(),
            enabled,
            fail_on_violation: node.get_bool("fail_on_violation")?.unwrap_or(false),
            message: node.get_string("message")?.map(str::to_owned),
            params,
            rule,
        })
    }

    /// Its type, as the pack writes it.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether it runs. Default: true.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether a violation fails the answer; otherwise it is reported only. Default: false.
    #[must_use]
    pub fn fails_on_violation(&self) -> bool {
        self.fail_on_violation
    }

    /// Whether this crate knows the type.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        !matches!(self.rule, Rule::Unknown) && KNOWN.contains(&self.kind.as_str())
    }

    /// Its parameters, as the pack has them.
    #[must_use]
    pub fn params(&self) -> &Map<String, Value> {
        &self.params
    }

    /// Runs it; `None` if nothing is violated, it is disabled, or its type is not known.
    #[must_use]
    pub fn check(&self, text: &str) -> Option<Violation> {
        let reason = self.rule.violation(text)?;
        Some(Violation {
            validator: self.kind.clone(),
            is_failure: self.fail_on_violation,
            message: self.message.clone(),
            reason,
        })
    }
}

const KNOWN: [&str; 5] = [
    "banned_words",
    "max_length",
    "min_length",
    "length",
    "regex_match",
];

impl Rule {
    fn read(kind: &str, node: &Node<'_>, patterns: &Patterns) -> Result<Self, PackError> {
        if !KNOWN.contains(&kind) {
            return Ok(Self::Unknown);
        }
        let params = node.required("params")?;
        match kind {
            "banned_words" => {
                let words = params.required("words")?;
                let list = words.strings()?;
                if list.len() > MAX_WORDS {
                    return Err(words.error(format!("there are more than {MAX_WORDS} words")));
                }
                let list: Vec<String> = list.iter().map(|word| folded(word.trim())).collect();
                if list
                    .iter()
                    .any(|word| word.is_empty() || word.len() > MAX_WORD_BYTES)
                {
                    return Err(words.error(format!(
                        "a banned word has to have 1 to {MAX_WORD_BYTES} bytes"
                    )));
                }
                Ok(Self::BannedWords(list))
            }
            "regex_match" => Ok(Self::Pattern {
                regex: patterns.compile(&params.required("pattern")?)?,
                must_match: params.get_bool("must_match")?.unwrap_or(true),
            }),
            _ => {
                let bound = |characters, tokens| {
                    Ok::<_, PackError>(Length {
                        characters: params.get_whole(characters)?,
                        tokens: params.get_whole(tokens)?,
                    })
                };
                let most = if kind == "min_length" {
                    Length::default()
                } else {
                    bound("max_characters", "max_tokens")?
                };
                let least = if kind == "max_length" {
                    Length::default()
                } else {
                    bound("min_characters", "min_tokens")?
                };
                if most.is_none() && least.is_none() {
                    return Err(params.error("the length is not limited by characters or tokens"));
                }
                Ok(Self::Length { least, most })
            }
        }
    }

    fn violation(&self, text: &str) -> Option<String> {
        match self {
            Self::Unknown | Self::Disabled => None,
            Self::BannedWords(words) => {
                let text = folded(text);
                let word = words.iter().find(|word| has_word(&text, word))?;
                Some(format!("the answer has the banned word `{}`", shown(word)))
            }
            Self::Length { least, most } => {
                let characters = text.chars().count() as u64;
                let tokens = characters.div_ceil(4);
                let beyond = |most: Option<u64>, has, unit| {
                    most.filter(|most| has > *most)
                        .map(|most| format!("the answer has {has} {unit} and may have {most}"))
                };
                let below = |least: Option<u64>, has, unit| {
                    least
                        .filter(|least| has < *least)
                        .map(|least| format!("the answer has {has} {unit} and needs {least}"))
                };
                beyond(most.characters, characters, "characters")
                    .or_else(|| beyond(most.tokens, tokens, "tokens, as estimated,"))
                    .or_else(|| below(least.characters, characters, "characters"))
                    .or_else(|| below(least.tokens, tokens, "tokens, as estimated,"))
            }
            Self::Pattern { regex, must_match } => match (regex.is_match(text), must_match) {
                (false, true) => Some("the answer does not match the pattern".to_owned()),
                (true, false) => {
                    Some("the answer matches a pattern that it must not match".to_owned())
                }
                _ => None,
            },
        }
    }
}

impl Length {
    fn is_none(self) -> bool {
        self.characters.is_none() && self.tokens.is_none()
    }
}

/// Lower case, and one apostrophe for both that keyboards and typesetters use.
fn folded(text: &str) -> String {
    text.to_lowercase().replace('\u{2019}', "'")
}

fn has_word(text: &str, word: &str) -> bool {
    let mut from = 0;
    while let Some(offset) = text[from..].find(word) {
        let (start, end) = (from + offset, from + offset + word.len());
        let starts_inside = joins(text[..start].chars().next_back()) && joins(word.chars().next());
        let ends_inside = joins(text[end..].chars().next()) && joins(word.chars().next_back());
        if !starts_inside && !ends_inside {
            return true;
        }
        // One character on and not behind the match: the next one may overlap it.
        from = start + word.chars().next().map_or(1, char::len_utf8);
    }
    false
}

/// Whether the character is part of a word that its neighbour belongs to as well; scripts written without blanks have
/// no such words.
fn joins(character: Option<char>) -> bool {
    character.is_some_and(|c| (c.is_alphanumeric() || c == '_') && c < '\u{2e80}')
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
    /// The type of the validator.
    #[must_use]
    pub fn validator(&self) -> &str {
        &self.validator
    }

    /// Whether the pack wants the answer to fail; otherwise it is reported only.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        self.is_failure
    }

    /// What users are told: the pack's own message, or the reason.
    #[must_use]
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or(&self.reason)
    }

    /// What was found; never text of the answer other than a word the pack itself bans.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shown(&self.validator), self.reason)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: &Value) -> Result<Validator, PackError> {
        Validator::read(&Node::root(json), &Patterns::default())
    }

    fn violates(json: Value, text: &str) -> bool {
        read(&json).unwrap().check(text).is_some()
    }

    #[test]
    fn banned_words_are_whole_words_in_any_case() {
        let json = json!({"type": "banned_words", "params": {"words": ["hate", "can't help", "C++", "Über", "a a", "禁止"]}});
        for text in [
            "I HATE it",
            "hate",
            "(hate)",
            "we can\u{2019}t help you",
            "c++ is",
            "ÜBER alles",
            "xa a a",
            "これは禁止です",
        ] {
            assert!(violates(json.clone(), text), "{text}");
        }
        for text in [
            "whatever",
            "hateful",
            "hate_it",
            "can't  help",
            "c+",
            "drüber",
            "",
            "übers",
        ] {
            assert!(!violates(json.clone(), text), "{text}");
        }
    }

    #[test]
    fn lengths_at_the_limit_and_beyond() {
        for (kind, params, text, expected) in [
            ("max_length", json!({"max_characters": 3}), "äöü", false),
            ("max_length", json!({"max_characters": 3}), "äöüx", true),
            ("max_length", json!({"max_tokens": 1}), "abcd", false),
            ("max_length", json!({"max_tokens": 1}), "abcde", true),
            ("min_length", json!({"min_characters": 3}), "abc", false),
            ("min_length", json!({"min_characters": 3}), "ab", true),
            (
                "length",
                json!({"min_characters": 1, "max_characters": 2}),
                "",
                true,
            ),
            (
                "length",
                json!({"min_characters": 1, "max_characters": 2}),
                "abc",
                true,
            ),
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
        let json = json!({"type": "max_length", "fail_on_violation": true, "message": "Too long", "params": {"max_characters": 0}});
        let violation = read(&json).unwrap().check("x").unwrap();
        assert_eq!(
            (
                violation.message(),
                violation.is_failure(),
                violation.validator()
            ),
            ("Too long", true, "max_length")
        );
        assert_eq!(
            violation.to_string(),
            "max_length: the answer has 1 characters and may have 0"
        );
    }

    #[test]
    fn unknown_types_are_kept_and_disabled_ones_do_not_run() {
        let nodes = json!([
            {"type": "pii_detection", "params": {"allow_pii": false}},
            {"type": "regex_match", "enabled": false, "params": {"pattern": "(?=x)"}},
            {"type": "mood", "enabled": false}
        ]);
        let nodes: Vec<Node<'_>> = Node::root(&nodes).items().unwrap().collect();
        let validators = Validators::read(&nodes, &Patterns::default()).unwrap();
        assert_eq!(
            validators.unsupported().collect::<Vec<_>>(),
            ["pii_detection"]
        );
        assert_eq!(
            validators.iter().next().unwrap().params()["allow_pii"],
            false
        );
        assert!(validators.iter().nth(1).unwrap().is_supported());
        assert_eq!(validators.check("anything"), []);
    }

    #[test]
    fn known_types_that_cannot_run_are_errors() {
        for json in [
            json!({"params": {}}),
            json!({"type": ""}),
            json!({"type": "banned_words"}),
            json!({"type": "banned_words", "params": {"words": "x"}}),
            json!({"type": "banned_words", "params": {"words": [" "]}}),
            json!({"type": "max_length", "params": {"min_characters": 1}}),
            json!({"type": "max_length", "params": {"max_characters": "9"}}),
            json!({"type": "regex_match", "params": {"pattern": "("}}),
            json!({"type": "regex_match", "params": {"pattern": "(?=x)"}}),
            json!({"type": "regex_match", "params": {"pattern": "\\w{1000}{1000}"}}),
        ] {
            assert!(read(&json).is_err(), "{json}");
        }
    }
}
