//! JSON's escapes, undone without losing how they were written.

/// Longest raw form of one character that is followed, in bytes: an escape of escapes, three deep.
const MAX_RAW_LEN: usize = 64;

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit<'a> {
    /// Bytes that are written as themselves in the history.
    Run(&'a [u8]),
    /// One character whose form in the history differs from it.
    Atom(&'a Atom),
}

impl<'a> Unit<'a> {
    /// Returns what the text says.
    pub(crate) fn text(&self) -> &[u8] {
        match self {
            Self::Run(run) => run,
            Self::Atom(atom) => atom.text(),
        }
    }

    /// Returns the text as it stands in the source.
    pub(crate) fn raw(&self) -> &[u8] {
        match self {
            Self::Run(run) => run,
            Self::Atom(atom) => atom.raw(),
        }
    }
}

/// One character, and how it is written in the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Atom {
    text: [u8; 4],
    len: usize,
    raw: Vec<u8>,
}

impl Atom {
    /// An ASCII character that is written as `raw`.
    pub(crate) fn ascii(character: u8, raw: &[u8]) -> Self {
        Self {
            text: [character, 0, 0, 0],
            len: 1,
            raw: raw.to_vec(),
        }
    }

    /// The character in UTF-8; U+FFFD for each half of a surrogate pair, which nothing here reads.
    pub(crate) fn text(&self) -> &[u8] {
        self.text.get(..self.len).unwrap_or_default()
    }

    /// Its bytes in the history.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    fn set(&mut self, character: char) {
        self.len = character.encode_utf8(&mut self.text).len();
    }

    fn copy_from(&mut self, other: &Self) {
        (self.text, self.len) = (other.text, other.len);
        self.raw.clear();
        self.raw.extend_from_slice(&other.raw);
    }
}

/// What came of some input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// Nothing yet.
    Open,
    /// The number of bytes at the start of the run that stand for themselves. None of them are consumed.
    Run(usize),
    /// [`Unescaper::atom`] has the next character.
    Atom,
    /// The string ends: an unescaped quote.
    Quote,
    /// Not the content of a string: a line break, an unknown escape.
    Bad,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Plain,
    Backslash,
    Hex {
        digits: u8,
        code: u16,
    },
}

/// Undoes the escapes of one level of strings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unescaper {
    state: State,
    atom: Atom,
}

impl Unescaper {
    /// The last character that was unescaped.
    pub(crate) fn atom(&self) -> &Atom {
        &self.atom
    }

    /// Whether no escape is open.
    pub(crate) fn is_plain(&self) -> bool {
        self.state == State::Plain
    }

    /// Takes the last character out, to be put back.
    pub(crate) fn take_atom(&mut self) -> Atom {
        std::mem::take(&mut self.atom)
    }

    /// Puts back what was taken.
    pub(crate) fn put_atom(&mut self, atom: Atom) {
        self.atom = atom;
    }

    /// The raw form of what is not complete, or is bad.
    pub(crate) fn pending_or_bad(&self) -> &[u8] {
        match self.state {
            State::Plain if self.atom.raw != b"\n" => &[],
            _ => &self.atom.raw,
        }
    }

    /// Takes bytes that stand for themselves at the level below. Returns how many were consumed.
    pub(crate) fn run(&mut self, run: &[u8]) -> (usize, Out) {
        for (at, byte) in run.iter().enumerate() {
            if self.state == State::Plain {
                let rest = run.get(at..).unwrap_or_default();
                match memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len()) {
                    0 => {}
                    len => {
                        return if at == 0 {
                            (0, Out::Run(len))
                        } else {
                            (at, Out::Open)
                        };
                    }
                }
            }
            match self.byte(*byte, &[*byte]) {
                Out::Open => {}
                out => return (at + 1, out),
            }
        }
        (run.len(), Out::Open)
    }

    /// Takes one character of the level below.
    pub(crate) fn character(&mut self, atom: &Atom) -> Out {
        match atom.text() {
            [byte] => self.byte(*byte, atom.raw()),
            _ if self.state == State::Plain => {
                self.atom.copy_from(atom);
                Out::Atom
            }
            _ => Out::Bad,
        }
    }

    fn byte(&mut self, byte: u8, raw: &[u8]) -> Out {
        if self.state == State::Plain {
            self.atom.raw.clear();
        }
        if self.atom.raw.len() + raw.len() > MAX_RAW_LEN {
            return Out::Bad;
        }
        self.atom.raw.extend_from_slice(raw);
        match &mut self.state {
            State::Plain => match byte {
                b'"' => return Out::Quote,
                b'\n' => return Out::Bad,
                b'\\' => {
                    self.state = State::Backslash;
                    return Out::Open;
                }
                _ => self.atom.set(char::from(byte)),
            },
            State::Backslash => {
                let character = match byte {
                    b'"' | b'\\' | b'/' => char::from(byte),
                    b'b' => '\u{8}',
                    b'f' => '\u{c}',
                    b'n' => '\n',
                    b'r' => '\r',
                    b't' => '\t',
                    b'u' => {
                        self.state = State::Hex { digits: 0, code: 0 };
                        return Out::Open;
                    }
                    _ => return Out::Bad,
                };
                self.atom.set(character);
            }
            State::Hex { digits, code } => {
                let Some(digit) = char::from(byte).to_digit(16) else {
                    return Out::Bad;
                };
                *code = *code << 4 | digit as u16;
                *digits += 1;
                if *digits < 4 {
                    return Out::Open;
                }
                let character = char::from_u32(u32::from(*code));
                self.atom
                    .set(character.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        self.state = State::Plain;
        Out::Atom
    }
}

/// Undoes the escapes of several levels: of a string inside of a string.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    stages: Vec<Unescaper>,
}

/// What a [`Chain`] made of the start of some input.
#[derive(Debug)]
pub(crate) enum Link<'a> {
    /// Nothing yet; this number of bytes was consumed.
    Open(usize),
    /// A unit. For a run, nothing was consumed; for a character, this number of bytes was.
    Unit(usize, Unit<'a>),
    /// Not the content of a string.
    Bad,
}

impl Chain {
    /// Creates a chain of `levels` levels; with none, all bytes stand for themselves.
    pub(crate) fn new(levels: usize) -> Self {
        Self {
            stages: vec![Unescaper::default(); levels],
        }
    }

    /// The last character that was unescaped, if there is a level at all.
    pub(crate) fn atom(&self) -> Option<&Atom> {
        self.stages.last().map(Unescaper::atom)
    }

    /// Reads the start of `input`.
    pub(crate) fn next<'a>(&'a mut self, input: &'a [u8]) -> Link<'a> {
        let mut run = input;
        let levels = self.stages.len();
        for level in 0..levels {
            let Some(stage) = self.stages.get_mut(level) else {
                break;
            };
            match stage.run(run) {
                (_, Out::Run(len)) => run = run.get(..len).unwrap_or_default(),
                (consumed, Out::Open) => return Link::Open(consumed),
                (consumed, Out::Atom) => {
                    return match self.lift(level + 1) {
                        Out::Atom => match self.stages.last() {
                            Some(last) => Link::Unit(consumed, Unit::Atom(last.atom())),
                            None => Link::Bad,
                        },
                        Out::Open => Link::Open(consumed),
                        _ => Link::Bad,
                    };
                }
                _ => return Link::Bad,
            }
        }
        Link::Unit(0, Unit::Run(run))
    }

    /// Hands the character of the stage below `level` upwards.
    fn lift(&mut self, level: usize) -> Out {
        for at in level..self.stages.len() {
            let (below, above) = self.stages.split_at_mut(at);
            if let (Some(below), Some(stage)) = (below.last(), above.first_mut()) {
                match stage.character(below.atom()) {
                    Out::Atom => {}
                    out => return out,
                }
            }
        }
        Out::Atom
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that some raw content of strings within strings stands for, and its raw forms put
    /// together again.
    fn undone(levels: usize, raw: &[u8], step: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut chain = Chain::new(levels);
        let (mut text, mut again) = (Vec::new(), Vec::new());
        for piece in raw.chunks(step) {
            let mut rest = piece;
            while !rest.is_empty() {
                let used = match chain.next(rest) {
                    Link::Open(used) => used,
                    Link::Unit(_, Unit::Run(run)) => {
                        text.extend_from_slice(run);
                        again.extend_from_slice(run);
                        run.len()
                    }
                    Link::Unit(used, Unit::Atom(atom)) => {
                        text.extend_from_slice(atom.text());
                        again.extend_from_slice(atom.raw());
                        used
                    }
                    Link::Bad => return None,
                };
                rest = &rest[used..];
            }
        }
        Some((text, again))
    }

    #[test]
    fn strings_within_strings_are_undone() {
        let text = "a \"quoted\" \\ back\u{8}\u{c}\n\r\t / slash é \u{1}";
        let mut raw = text.to_owned();
        for levels in 0..=4 {
            for step in [1, 3, 1000] {
                let (undone, again) = undone(levels, raw.as_bytes(), step).unwrap();
                assert_eq!(undone, text.as_bytes(), "{levels} {step}");
                assert_eq!(again, raw.as_bytes());
            }
            let json = serde_json::to_string(&raw).unwrap();
            raw = json[1..json.len() - 1].to_owned();
        }
    }

    #[test]
    fn every_form_of_a_character_is_known() {
        let raw = br"\/\u002F\u00e9\ud83d\ude00x";
        let (text, again) = undone(1, raw, 1).unwrap();
        assert_eq!(text, "//é\u{fffd}\u{fffd}x".as_bytes());
        assert_eq!(again, raw);
        for bad in [&br"\x"[..], br"\u00g0", b"\n", b"\""] {
            assert!(undone(1, bad, 1).is_none());
        }
    }
}
