//! Escapes in JSON strings.

/// Follows a string byte by byte. It distinguishes ASCII from everything else and checks nothing.
#[derive(Debug, Default)]
pub(super) struct Escapes(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    None,
    /// After a backslash.
    Started,
    /// `\u` and the digits so far.
    Unicode { digits: u8, value: u32 },
}

/// What a byte is, or completes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// A part of an escape that goes on.
    Open,
    /// A byte of the string: an ASCII character, or a part of another one that is not escaped.
    Byte(u8),
    /// An escaped line break.
    Break,
    /// An escaped character of another kind.
    Other,
}

impl Escapes {
    /// Whether the next byte stands for itself, or begins an escape.
    pub(super) fn is_outside(&self) -> bool {
        matches!(self.0, State::None)
    }

    pub(super) fn next(&mut self, byte: u8) -> Symbol {
        let (state, symbol) = match (&self.0, byte) {
            (State::None, b'\\') => (State::Started, Symbol::Open),
            (State::None, byte) => (State::None, Symbol::Byte(byte)),
            (State::Started, b'u') => {
                let (digits, value) = (0, 0);
                (State::Unicode { digits, value }, Symbol::Open)
            }
            (State::Started, b'/') => (State::None, Symbol::Byte(byte)),
            (State::Started, b'n' | b'r') => (State::None, Symbol::Break),
            (State::Started, _) => (State::None, Symbol::Other),
            (State::Unicode { digits, value }, digit) => match char::from(digit).to_digit(16) {
                None => (State::None, Symbol::Other),
                Some(digit) => {
                    let (digits, value) = (digits + 1, value << 4 | digit);
                    match (digits, u8::try_from(value)) {
                        (4, Ok(byte)) if byte.is_ascii() => (State::None, Symbol::Byte(byte)),
                        (4, _) => (State::None, Symbol::Other),
                        _ => (State::Unicode { digits, value }, Symbol::Open),
                    }
                }
            },
        };
        self.0 = state;
        symbol
    }
}
