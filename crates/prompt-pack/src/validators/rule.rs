//! The rules that validators run.

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::banned_words::BannedWords;
use super::config::ValidatorConfig;
use crate::fault::{Fault, Within as _};
use crate::path::escape_for_display;
use crate::patterns::PatternCompiler;
use crate::read::read_fields;

/// A compiled rule.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
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
pub(crate) struct LengthLimits {
    min_characters: Option<u64>,
    max_characters: Option<u64>,
    min_tokens: Option<u64>,
    max_tokens: Option<u64>,
}

impl Rule {
    pub(crate) fn new(
        config: &ValidatorConfig,
        compiler: &mut PatternCompiler,
    ) -> Result<Self, Fault> {
        let kind = config.kind.as_str();
        if kind.is_empty() {
            return Err(Fault::new("the type of the validator is empty").in_key("type"));
        }
        if !config.enabled {
            return Ok(Self::Disabled);
        }
        let read = match kind {
            "banned_words" => read_banned_words,
            "regex_match" => read_pattern,
            "length" | "min_length" | "max_length" => read_length,
            _ => return Ok(Self::Unknown),
        };
        let Some(params) = &config.params else {
            return Err(Fault::new("missing field `params`"));
        };
        read(kind, params, compiler).in_key("params")
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

type Params = Map<String, Value>;

fn read_banned_words(_: &str, params: &Params, _: &mut PatternCompiler) -> Result<Rule, Fault> {
    let BannedWordsParams { words } = read_fields(params)?;
    let words = BannedWords::new(&words).in_key("words")?;
    Ok(Rule::BannedWords(words))
}

fn read_pattern(_: &str, params: &Params, compiler: &mut PatternCompiler) -> Result<Rule, Fault> {
    let params: PatternParams = read_fields(params)?;
    Ok(Rule::Pattern {
        regex: compiler.compile(&params.pattern).in_key("pattern")?,
        must_match: params.must_match.unwrap_or(true),
    })
}

fn read_length(kind: &str, params: &Params, _: &mut PatternCompiler) -> Result<Rule, Fault> {
    let mut limits: LengthLimits = read_fields(params)?;
    match kind {
        "min_length" => (limits.max_characters, limits.max_tokens) = (None, None),
        "max_length" => (limits.min_characters, limits.min_tokens) = (None, None),
        _ => {}
    }
    if limits.is_empty() {
        let message = format!("`{kind}` limits neither characters nor tokens");
        return Err(Fault::new(message));
    }
    Ok(Rule::Length(limits))
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
