//! The grammar of JSON between strings, byte by byte, to any depth that is followed.

/// How deep containers are followed.
pub(crate) const MAX_DEPTH: usize = 16_384;

/// What a byte means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// White space, or a byte inside a number or a word.
    Inside,
    /// A number, `true`, `false` or `null` begins.
    Scalar,
    /// The quote at the start of a key.
    Key,
    /// The quote at the start of a string that is a value.
    Text,
    /// A container opens: an object, or an array.
    Open {
        object: bool,
    },
    /// The innermost container closes.
    Close,
    Colon,
    Comma,
    /// The byte cannot stand there.
    Fault,
    /// A container too many.
    TooDeep,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expect {
    #[default]
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    Colon,
    CommaOrEnd,
}

/// A number or a word that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scalar {
    Number { digits: bool },
    Word { letters: &'static [u8], seen: usize },
}

impl Scalar {
    fn start(byte: u8) -> Option<Self> {
        let word = |letters| Some(Self::Word { letters, seen: 1 });
        match byte {
            b'-' => Some(Self::Number { digits: false }),
            b'0'..=b'9' => Some(Self::Number { digits: true }),
            b't' => word(b"true"),
            b'f' => word(b"false"),
            b'n' => word(b"null"),
            // As Python writes them.
            b'N' => word(b"NaN"),
            b'I' => word(b"Infinity"),
            _ => None,
        }
    }

    /// Whether the byte belongs to it.
    fn take(&mut self, byte: u8) -> bool {
        match self {
            Self::Number { digits } => match byte {
                b'0'..=b'9' => {
                    *digits = true;
                    true
                }
                b'.' | b'+' | b'-' | b'e' | b'E' => *digits,
                b'I' if !*digits => {
                    *self = Self::Word {
                        letters: b"Infinity",
                        seen: 1,
                    };
                    true
                }
                _ => false,
            },
            Self::Word { letters, seen } => {
                let is_next = letters.get(*seen) == Some(&byte);
                *seen += usize::from(is_next);
                is_next
            }
        }
    }

    fn is_whole(self) -> bool {
        match self {
            Self::Number { digits } => digits,
            Self::Word { letters, seen } => seen == letters.len(),
        }
    }
}

/// Follows JSON outside of strings. Several values may follow each other, with white space or record
/// separators between them or nothing.
#[derive(Debug, Default)]
pub(crate) struct Grammar {
    /// Of each open container, whether it is an object.
    containers: Vec<bool>,
    expect: Expect,
    scalar: Option<Scalar>,
}

impl Grammar {
    /// How many containers are open.
    pub(crate) fn depth(&self) -> usize {
        self.containers.len()
    }

    /// Whether no value is open.
    pub(crate) fn is_between_values(&self) -> bool {
        self.containers.is_empty() && self.scalar.is_none()
    }

    /// Whether the text may end here.
    pub(crate) fn may_end(&self) -> bool {
        self.containers.is_empty() && self.scalar.is_none_or(Scalar::is_whole)
    }

    /// Takes a byte outside of a string.
    pub(crate) fn byte(&mut self, byte: u8) -> Token {
        if let Some(scalar) = &mut self.scalar {
            if scalar.take(byte) {
                return Token::Inside;
            }
            if !scalar.is_whole() {
                return Token::Fault;
            }
            self.scalar = None;
            self.value_ends();
        }
        match (byte, self.expect) {
            (b' ' | b'\n' | b'\r' | b'\t', _) => Token::Inside,
            (0x1e, Expect::Value) if self.containers.is_empty() => Token::Inside,
            (b'"', Expect::Value | Expect::ValueOrEnd) => Token::Text,
            (b'"', Expect::Key | Expect::KeyOrEnd) => Token::Key,
            (b'{' | b'[', Expect::Value | Expect::ValueOrEnd) => self.open(byte == b'{'),
            (b'}', Expect::KeyOrEnd | Expect::CommaOrEnd) => self.close(true),
            (b']', Expect::ValueOrEnd | Expect::CommaOrEnd) => self.close(false),
            (b':', Expect::Colon) => {
                self.expect = Expect::Value;
                Token::Colon
            }
            (b',', Expect::CommaOrEnd) => {
                self.expect = match self.containers.last() {
                    Some(true) => Expect::Key,
                    _ => Expect::Value,
                };
                Token::Comma
            }
            (_, Expect::Value | Expect::ValueOrEnd) => {
                self.scalar = Scalar::start(byte);
                match self.scalar {
                    Some(_) => Token::Scalar,
                    None => Token::Fault,
                }
            }
            _ => Token::Fault,
        }
    }

    /// A key has ended: its closing quote was read.
    pub(crate) fn key_ends(&mut self) {
        self.expect = Expect::Colon;
    }

    /// A value has ended: the closing quote of a string was read.
    pub(crate) fn value_ends(&mut self) {
        self.expect = match self.containers.is_empty() {
            true => Expect::Value,
            false => Expect::CommaOrEnd,
        };
    }

    fn open(&mut self, object: bool) -> Token {
        if self.containers.len() == MAX_DEPTH {
            return Token::TooDeep;
        }
        self.containers.push(object);
        self.expect = match object {
            true => Expect::KeyOrEnd,
            false => Expect::ValueOrEnd,
        };
        Token::Open { object }
    }

    fn close(&mut self, object: bool) -> Token {
        if self.containers.last() != Some(&object) {
            return Token::Fault;
        }
        self.containers.pop();
        self.value_ends();
        Token::Close
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::scan::escape::{Out, Unescaper};

    /// Whether text is JSON values, one after the other.
    pub(crate) fn accepts(text: &[u8]) -> bool {
        let (mut grammar, mut rest) = (Grammar::default(), text);
        while let Some((byte, after)) = rest.split_first() {
            rest = after;
            let token = grammar.byte(*byte);
            if matches!(token, Token::Fault | Token::TooDeep) {
                return false;
            }
            if !matches!(token, Token::Key | Token::Text) {
                continue;
            }
            let mut string = Unescaper::default();
            loop {
                let (used, out) = string.run(rest);
                rest = &rest[used..];
                match out {
                    Out::Run(len) => rest = &rest[len..],
                    Out::Quote => break,
                    Out::Bad => return false,
                    _ if rest.is_empty() => return false,
                    _ => {}
                }
            }
            match token {
                Token::Key => grammar.key_ends(),
                _ => grammar.value_ends(),
            }
        }
        grammar.may_end()
    }

    #[test]
    fn json_is_accepted_and_other_text_is_not() {
        for good in [
            "",
            "{}",
            "[]",
            " [1, -2.5e+3 ,true,false,null]",
            "{\"a\":{\"b\":[\"c\\\"\"]}}",
            "{\"a\":1}\n{\"b\":2}\n",
            "\u{1e}{\"a\":1}\n\u{1e}[]\n",
            "17",
            "\"x\" \"y\"",
            "[NaN,-Infinity,Infinity]",
        ] {
            assert!(accepts(good.as_bytes()), "{good}");
        }
        for bad in [
            "{",
            "]",
            "[1",
            "{]",
            "[}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1,]",
            "[,]",
            "{1:2}",
            "[nice]",
            "[tru]",
            "tru",
            "[1] text",
            "{\"a\" 1}",
            "[\"a\" \"b\"]",
            "\"x",
            "[-]",
            "[.5]",
            "\u{1e}[\u{1e}]",
        ] {
            assert!(!accepts(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn depth_has_a_limit_and_takes_no_recursion() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(accepts(deep(10_000).as_bytes()));
        assert!(accepts(deep(MAX_DEPTH).as_bytes()));
        assert!(!accepts(deep(MAX_DEPTH + 1).as_bytes()));
    }
}
