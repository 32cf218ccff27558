//! Whether a string holds JSON itself, as a whole.

use super::escape::{Out, Unescaper, Unit};
use super::grammar::{Grammar, Token};

/// Follows the text of a string that begins like an object or an array.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    grammar: Grammar,
    string: Option<(Unescaper, Token)>,
    ended: bool,
}

impl Checker {
    /// Takes the next unit; whether it can still be JSON.
    pub(crate) fn feed(&mut self, unit: Unit<'_>) -> bool {
        match unit {
            Unit::Run(mut run) => {
                while !run.is_empty() {
                    let Some(used) = self.run(run) else {
                        return false;
                    };
                    run = run.get(used..).unwrap_or_default();
                }
                true
            }
            Unit::Atom(atom) => match &mut self.string {
                Some((string, _)) => {
                    let out = string.character(atom);
                    self.after(out)
                }
                None => match atom.text() {
                    [byte] => self.outside(*byte),
                    _ => false,
                },
            },
        }
    }

    /// Whether the text so far is one object or one array.
    pub(crate) fn is_whole(&self) -> bool {
        self.ended
    }

    /// How many bytes of the run were read; `None` when it is not JSON.
    fn run(&mut self, run: &[u8]) -> Option<usize> {
        if let Some((string, _)) = &mut self.string {
            let (used, out) = string.run(run);
            return match out {
                Out::Run(len) => Some(len),
                out => self.after(out).then_some(used),
            };
        }
        let first = run.first()?;
        self.outside(*first).then_some(1)
    }

    fn after(&mut self, out: Out) -> bool {
        match out {
            Out::Bad => return false,
            Out::Quote => match self.string.take() {
                Some((_, Token::Key)) => self.grammar.key_ends(),
                _ => self.grammar.value_ends(),
            },
            _ => {}
        }
        true
    }

    fn outside(&mut self, byte: u8) -> bool {
        if self.ended {
            return byte.is_ascii_whitespace();
        }
        match self.grammar.byte(byte) {
            Token::Fault | Token::TooDeep => return false,
            token @ (Token::Key | Token::Text) => {
                self.string = Some((Unescaper::default(), token));
            }
            Token::Close => self.ended = self.grammar.depth() == 0,
            _ => {}
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_object_or_array_is_json() {
        let is_whole = |text: &[u8]| {
            let mut checker = Checker::default();
            checker.feed(Unit::Run(text)) && checker.is_whole()
        };
        for good in ["{}", "[1,\"a\\\"]\"]\n", "{\"a\":{\"b\":\"c\"}}  "] {
            assert!(is_whole(good.as_bytes()), "{good}");
        }
        for bad in [
            "{",
            "[1",
            "{} {}",
            "{} x",
            "[1] text",
            "[x]",
            "{\"a\":\"\n\"}",
            "{\"a",
        ] {
            assert!(!is_whole(bad.as_bytes()), "{bad}");
        }
    }
}
