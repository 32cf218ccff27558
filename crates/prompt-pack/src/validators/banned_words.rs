//! Finds whole words and phrases in any case, in time linear in the text.

use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::fault::{Fault, Within as _};

const MAX_WORDS: usize = 10_000;
const MAX_WORD_BYTES: usize = 200;
/// Marks where one word ends and another may start; no byte of UTF-8.
const BOUNDARY: u8 = 0xff;

/// A compiled list of banned words.
///
/// Text and words get a mark at each boundary, also at their ends, so that a marked word is in a
/// marked text exactly where the whole word is in the text. One automaton then finds the first
/// match of all words in one pass, however long the list is.
#[derive(Clone)]
pub(crate) struct BannedWords {
    words: Vec<String>,
    automaton: AhoCorasick,
}

impl BannedWords {
    /// Compiles a list; the path of an error starts at the list.
    pub(super) fn new(words: &[String]) -> Result<Self, Fault> {
        if words.len() > MAX_WORDS {
            return Err(Fault::new(format!("more than {MAX_WORDS} banned words")));
        }
        let words: Vec<String> = words.iter().map(|word| fold(word.trim())).collect();
        for (index, word) in words.iter().enumerate() {
            if word.is_empty() || word.len() > MAX_WORD_BYTES {
                let fault = Fault::new(format!("expected a word of 1 to {MAX_WORD_BYTES} bytes"));
                return Err(fault).in_index(index);
            }
        }
        let automaton = AhoCorasick::builder()
            // A DFA would be some thousand times larger than the words.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(words.iter().map(|word| mark(word)))
            .map_err(|error| Fault::new("too many banned words").with_source(error))?;
        Ok(Self { words, automaton })
    }

    /// Returns the banned word that ends first in the text.
    pub(super) fn find(&self, text: &str) -> Option<&str> {
        let found = self.automaton.find(&mark(&fold(text)))?;
        self.words
            .get(found.pattern().as_usize())
            .map(String::as_str)
    }
}

impl fmt::Debug for BannedWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BannedWords").field(&self.words).finish()
    }
}

/// Makes text lower case, with one apostrophe for those of keyboards and of typesetters.
fn fold(text: &str) -> String {
    text.to_lowercase().replace('\u{2019}', "'")
}

/// Returns the text with a mark before and after every run of characters that belong to one word.
fn mark(text: &str) -> Vec<u8> {
    let mut marked = Vec::with_capacity(text.len() + text.len() / 2 + 2);
    let mut is_joined = false;
    for character in text.chars() {
        let joins = joins(character);
        if !(is_joined && joins) {
            marked.push(BOUNDARY);
        }
        is_joined = joins;
        marked.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    marked.push(BOUNDARY);
    marked
}

/// Whether the character forms a word with its neighbors. Scripts written without blanks have no
/// such words.
fn joins(character: char) -> bool {
    (character.is_alphanumeric() || character == '_') && character < '\u{2e80}'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(words: &[&str]) -> BannedWords {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        BannedWords::new(&words).unwrap()
    }

    #[test]
    fn words_are_whole_and_in_any_case() {
        let banned = list(&["hate", "can't help", "C++", "Über", "a a", "禁止"]);
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
            assert!(banned.find(text).is_some(), "{text}");
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
            assert_eq!(banned.find(text), None, "{text}");
        }
    }

    #[test]
    fn lists_at_the_limit_and_beyond() {
        let words = |count: usize| (0..count).map(|n| format!("w{n}")).collect::<Vec<_>>();
        assert!(BannedWords::new(&words(MAX_WORDS)).is_ok());
        assert!(BannedWords::new(&words(MAX_WORDS + 1)).is_err());
        assert!(BannedWords::new(&["é".repeat(100)]).is_ok());
        for bad in [" ".to_owned(), format!("a{}", "é".repeat(100))] {
            let mut fault = BannedWords::new(&["ok".to_owned(), bad]).unwrap_err();
            assert_eq!(fault.take_path().to_string(), "[1]");
        }
    }

    /// The definition, word by word: quadratic and obvious.
    fn has_word(text: &str, word: &str) -> bool {
        let (text, word) = (fold(text), fold(word));
        let is_inside = |left: Option<char>, right: Option<char>| {
            left.is_some_and(joins) && right.is_some_and(joins)
        };
        text.char_indices().any(|(start, _)| {
            let (before, rest) = text.split_at(start);
            rest.strip_prefix(&word).is_some_and(|after| {
                !is_inside(before.chars().next_back(), word.chars().next())
                    && !is_inside(word.chars().next_back(), after.chars().next())
            })
        })
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            text in "[abAé_' \u{2019}禁]{0,24}",
            words in proptest::collection::vec("[abé'禁]([abé_' 禁]{0,3}[abé'禁])?", 1..5),
        ) {
            let banned = BannedWords::new(&words).unwrap();
            let expected = words.iter().any(|word| has_word(&text, word));
            let found = banned.find(&text);
            prop_assert_eq!(found.is_some(), expected, "{:?} {:?}", text, words);
            prop_assert!(found.is_none_or(|word| has_word(&text, word)));
        }
    }
}
