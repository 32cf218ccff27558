//! The rules that validators run.

use regex::Regex;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::banned_words::BannedWords;
use super::config::ValidatorConfig;
use crate::fault::{Fault, Within as _};
use crate::path::escape_for_display;
use crate::patterns::PatternCompiler;
use crate::read::read_fields;

/// A compiled rule.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    BannedWords(BannedWords),
    Length(LengthLimits),
    Pattern {
        regex: Regex,
        must_match: bool,
    },
    /// A type that this crate does not know.
    Unknown,
    /// Of a disabled validator. Its parameters are not read, so they may be anything.
    Disabled,
}

#[derive(Deserialize)]
struct BannedWordsParams {
    words: Vec<String>,
}

#[derive(Deserialize)]
struct PatternParams {
    pattern: String,
    must_match: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct LengthLimits {
    min_characters: Option<u64>,
    max_characters: Option<u64>,
    min_tokens: Option<u64>,
    max_tokens: Option<u64>,
}

/// Whether this crate runs validators of the type.
pub(super) fn is_known(kind: &str) -> bool {
    matches!(
        kind,
        "banned_words" | "max_length" | "min_length" | "length" | "regex_match"
    )
}

impl Rule {
    pub(super) fn new(
        config: &ValidatorConfig,
        patterns: &mut PatternCompiler,
    ) -> Result<Self, Fault> {
        let kind = config.kind();
        if kind.is_empty() {
            return Err(Fault::new("the type of the validator is empty")).in_key("type");
        }
        if !config.is_enabled() {
            return Ok(Self::Disabled);
        }
        if !is_known(kind) {
            return Ok(Self::Unknown);
        }
        let Some(params) = config.params() else {
            return Err(Fault::new("missing field `params`"));
        };
        Self::read(kind, params, patterns).in_key("params")
    }

    fn read(
        kind: &str,
        params: &Map<String, Value>,
        patterns: &mut PatternCompiler,
    ) -> Result<Self, Fault> {
        fn params_as<T: DeserializeOwned>(params: &Map<String, Value>) -> Result<T, Fault> {
            read_fields(params)
        }
        match kind {
            "banned_words" => {
                let BannedWordsParams { words } = params_as(params)?;
                let words = BannedWords::new(&words).in_key("words")?;
                Ok(Self::BannedWords(words))
            }
            "regex_match" => {
                let PatternParams {
                    pattern,
                    must_match,
                } = params_as(params)?;
                Ok(Self::Pattern {
                    regex: patterns.compile(&pattern).in_key("pattern")?,
                    must_match: must_match.unwrap_or(true),
                })
            }
            _ => {
                let mut limits: LengthLimits = params_as(params)?;
                if kind == "min_length" {
                    (limits.max_characters, limits.max_tokens) = (None, None);
                }
                if kind == "max_length" {
                    (limits.min_characters, limits.min_tokens) = (None, None);
                }
                if limits.is_empty() {
                    return Err(Fault::new(format!(
                        "`{kind}` limits neither characters nor tokens"
                    )));
                }
                Ok(Self::Length(limits))
            }
        }
    }

    /// Returns what violates the rule. It has no text of the answer but a word that is banned.
    pub(super) fn violation(&self, answer: &str) -> Option<String> {
        match self {
            Self::Unknown | Self::Disabled => None,
            Self::BannedWords(words) => words.find(answer).map(|word| {
                format!(
                    "the answer contains the banned word `{}`",
                    escape_for_display(word)
                )
            }),
            Self::Length(limits) => limits.violation(answer.chars().count() as u64),
            Self::Pattern { regex, must_match } => match (regex.is_match(answer), must_match) {
                (false, true) => Some("the answer does not match the pattern".to_owned()),
                (true, false) => {
                    Some("the answer matches a pattern that it must not match".to_owned())
                }
                _ => None,
            },
        }
    }
}

impl LengthLimits {
    fn is_empty(&self) -> bool {
        let limits = [
            self.min_characters,
            self.max_characters,
            self.min_tokens,
            self.max_tokens,
        ];
        limits.iter().all(Option::is_none)
    }

    fn violation(&self, characters: u64) -> Option<String> {
        let tokens = characters.div_ceil(4);
        for (min, max, length, unit) in [
            (
                self.min_characters,
                self.max_characters,
                characters,
                "characters",
            ),
            (self.min_tokens, self.max_tokens, tokens, "estimated tokens"),
        ] {
            if let Some(max) = max.filter(|max| length > *max) {
                return Some(format!(
                    "the answer has {length} {unit}; the limit is {max}"
                ));
            }
            if let Some(min) = min.filter(|min| length < *min) {
                return Some(format!(
                    "the answer has {length} {unit}; at least {min} are required"
                ));
            }
        }
        None
    }
}
