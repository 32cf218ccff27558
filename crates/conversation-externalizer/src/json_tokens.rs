//! JSON in text, token by token, without recursion.

use std::ops::Range;

/// A token of JSON. Strings and keys give the range between their quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    ObjectStart(usize),
    ObjectEnd(usize),
    ArrayStart,
    ArrayEnd,
    Key(Range<usize>),
    String(Range<usize>),
    /// A number, a boolean or null.
    Scalar,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    CommaOrEnd,
    Nothing,
}

/// Reads one JSON value from a place in a text. Memory: one byte for each open bracket.
#[derive(Debug)]
pub(super) struct JsonTokens<'a> {
    text: &'a [u8],
    at: usize,
    open: Vec<u8>,
    expect: Expect,
}

impl<'a> JsonTokens<'a> {
    /// Creates a reader of the value that starts at a place.
    pub(super) fn new(text: &'a str, at: usize) -> Self {
        Self {
            text: text.as_bytes(),
            at,
            open: Vec::new(),
            expect: Expect::Value,
        }
    }

    /// Returns how far was read: behind the value, or where it turned out to be none.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Returns whether the value is complete.
    pub(super) fn is_complete(&self) -> bool {
        self.expect == Expect::Nothing
    }

    /// Returns the next token; `None` at the end of the value, and where the text is not JSON.
    pub(super) fn next(&mut self) -> Option<Token> {
        loop {
            if self.is_complete() {
                return None;
            }
            let space = |b: &u8| matches!(b, b' ' | b'\n' | b'\r' | b'\t');
            let rest = self.text.get(self.at..)?;
            self.at += rest.iter().take_while(|b| space(b)).count();
            let byte = *self.text.get(self.at)?;
            let takes_value = matches!(self.expect, Expect::Value | Expect::ValueOrEnd);
            let ends = matches!(
                self.expect,
                Expect::ValueOrEnd | Expect::KeyOrEnd | Expect::CommaOrEnd
            );
            match byte {
                b',' if self.expect == Expect::CommaOrEnd => {
                    self.at += 1;
                    self.expect = match self.open.last() {
                        Some(b'{') => Expect::Key,
                        _ => Expect::Value,
                    };
                }
                b'}' if ends && self.open.last() == Some(&b'{') => {
                    self.close();
                    return Some(Token::ObjectEnd(self.at));
                }
                b']' if ends && self.open.last() == Some(&b'[') => {
                    self.close();
                    return Some(Token::ArrayEnd);
                }
                b'"' if matches!(self.expect, Expect::Key | Expect::KeyOrEnd) => {
                    let key = self.string()?;
                    let rest = self.text.get(self.at..)?;
                    self.at += rest.iter().take_while(|b| space(b)).count();
                    if self.text.get(self.at) != Some(&b':') {
                        return None;
                    }
                    self.at += 1;
                    self.expect = Expect::Value;
                    return Some(Token::Key(key));
                }
                b'"' if takes_value => {
                    let string = self.string()?;
                    self.after_value();
                    return Some(Token::String(string));
                }
                b'{' | b'[' if takes_value => {
                    let start = self.at;
                    self.at += 1;
                    self.open.push(byte);
                    if byte == b'{' {
                        self.expect = Expect::KeyOrEnd;
                        return Some(Token::ObjectStart(start));
                    }
                    self.expect = Expect::ValueOrEnd;
                    return Some(Token::ArrayStart);
                }
                _ if takes_value => {
                    let rest = &self.text[self.at..];
                    self.at += scalar_len(rest)?;
                    self.after_value();
                    return Some(Token::Scalar);
                }
                _ => return None,
            }
        }
    }

    fn close(&mut self) {
        self.at += 1;
        self.open.pop();
        self.after_value();
    }

    fn after_value(&mut self) {
        self.expect = if self.open.is_empty() {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
    }

    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(b'"', b'\\', rest) else {
                // Nothing behind can be a value either: the string never ends.
                self.at = self.text.len();
                return None;
            };
            at += found;
            if self.text[at] == b'"' {
                self.at = at + 1;
                return Some(start..at);
            }
            at += 2;
        }
    }
}

fn scalar_len(rest: &[u8]) -> Option<usize> {
    for word in [&b"true"[..], b"false", b"null"] {
        if rest.starts_with(word) {
            return Some(word.len());
        }
    }
    let is_number = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
    let len = rest.iter().take_while(|b| is_number(b)).count();
    let starts = rest
        .first()
        .is_some_and(|b| b.is_ascii_digit() || *b == b'-');
    (starts && len > 0).then_some(len)
}
