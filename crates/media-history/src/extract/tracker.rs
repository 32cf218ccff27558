//! Where in a history the text is read, and nothing else.

use crate::scan::escape::{Out, Unescaper, Unit};
use crate::scan::grammar::{Grammar, Token};

use super::stack::Stack;

/// Follows a history to say the path of the place that was reached.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    grammar: Grammar,
    stack: Stack,
    text: Option<Text>,
    is_lost: bool,
}

#[derive(Debug)]
struct Text {
    unescaper: Unescaper,
    key: Option<Vec<u8>>,
}

impl Tracker {
    /// The JSON Pointer of the value at a place of a text; `None` behind text that is not JSON.
    pub(crate) fn path_at(text: &[u8], at: usize) -> Option<String> {
        let mut tracker = Self::default();
        tracker.read(text.get(..at)?);
        tracker.path()
    }

    /// Reads on.
    pub(crate) fn read(&mut self, mut text: &[u8]) {
        while !text.is_empty() && !self.is_lost {
            let read = match &mut self.text {
                Some(_) => self.inside(text),
                None => self.outside(text),
            };
            text = text.get(read..).unwrap_or_default();
        }
    }

    /// A value comes next that is not read.
    pub(crate) fn skip_value(&mut self) {
        if self.text.is_none() {
            self.grammar.value_ends();
        }
    }

    /// The JSON Pointer of the current value; `None` after text that is not JSON.
    pub(crate) fn path(&self) -> Option<String> {
        (!self.is_lost).then(|| self.stack.pointer())
    }

    fn outside(&mut self, text: &[u8]) -> usize {
        for (at, byte) in text.iter().enumerate() {
            match self.grammar.byte(*byte) {
                Token::Open { object } => self.stack.open(object),
                Token::Close => self.stack.close(),
                Token::Comma => self.stack.comma(),
                token @ (Token::Key | Token::Text) => {
                    self.text = Some(Text {
                        unescaper: Unescaper::default(),
                        key: (token == Token::Key).then(Vec::new),
                    });
                    return at + 1;
                }
                Token::Fault | Token::TooDeep => {
                    // A byte order mark is all that may stand before JSON.
                    self.is_lost = !b"\xef\xbb\xbf".contains(byte);
                }
                Token::Inside | Token::Scalar | Token::Colon => {}
            }
        }
        text.len()
    }

    fn inside(&mut self, text: &[u8]) -> usize {
        let Some(string) = &mut self.text else {
            return text.len();
        };
        let (read, out) = string.unescaper.run(text);
        let content = match out {
            Out::Run(len) => Unit::Run(text.get(..len).unwrap_or_default()),
            Out::Atom => Unit::Atom(string.unescaper.atom()),
            Out::Open => return read,
            Out::Bad => {
                self.is_lost = true;
                return read;
            }
            Out::Quote => {
                match self.text.take().and_then(|string| string.key) {
                    Some(key) => {
                        self.stack.set_key(&key);
                        self.grammar.key_ends();
                    }
                    None => self.grammar.value_ends(),
                }
                return read;
            }
        };
        let (content, read) = match content {
            Unit::Run(run) => (run, run.len()),
            Unit::Atom(atom) => (atom.text(), read),
        };
        if let Some(key) = string.key.as_mut().filter(|key| key.len() < 256) {
            key.extend_from_slice(content);
        }
        read
    }
}
