//! Reading base64 of any spelling.
//!
//! At every moment, the bytes decoded so far, spelled in the style found so far, give the text read so
//! far: what turns out not to be media is written back from them, and no text is kept.

use super::lines::Lines;
use super::symbols::{Symbols, alphabet_of, is_symbol};
use crate::scan::escape::Unit;
use crate::scan::respell::{Finished, Respelling};
use crate::style::{Base64Style, Form, MAX_FORM_LEN, Style};

/// What came of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// All of it belongs to the base64.
    All,
    /// The base64 ends after this number of bytes; a character that is no base64 follows.
    Stop(usize),
    /// The base64 is read to this number of bytes; what follows is base64 too, but no even style gives
    /// this text.
    Uneven(usize),
}

/// Why text is not media that can be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotCanonical {
    /// No base64 has this length.
    NotBase64,
    /// Bits or padding that encoding would not write.
    NotReproducible,
}

/// Decodes base64 whose alphabet and spelling are not known beforehand.
#[derive(Debug)]
pub(crate) struct Reader {
    /// Where line breaks and escaped percent signs may stand.
    dialect: Dialect,
    symbols: Symbols,
    pads: usize,
    /// Whether 62, 63 and the padding were seen as themselves.
    plain: [bool; 3],
    forms: [Form; 3],
    lines: Lines,
    /// An escape in the style of URLs that is not complete.
    percent: Vec<u8>,
    text_len: u64,
}

/// Where base64 stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// It is a whole string, and may have line breaks.
    Whole,
    /// It is in a `data:` URI, and may have percent escapes.
    Uri,
}

impl Reader {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            symbols: Symbols::default(),
            pads: 0,
            plain: [false; 3],
            forms: [None, None, None],
            lines: Lines::default(),
            percent: Vec::new(),
            text_len: 0,
        }
    }

    /// How many bytes are decoded.
    pub(crate) fn decoded_len(&self) -> u64 {
        self.symbols.decoded_len
    }

    /// The first decoded bytes, for sniffing.
    pub(crate) fn head(&self) -> &[u8] {
        &self.symbols.head
    }

    /// The decoded bytes that are in memory, to be taken when they are many.
    pub(crate) fn decoded(&mut self) -> &mut Vec<u8> {
        &mut self.symbols.decoded
    }

    /// Takes the next unit of the text.
    pub(crate) fn feed(&mut self, unit: Unit<'_>) -> Fed {
        match unit {
            Unit::Run(run) => self.run(run),
            Unit::Atom(atom) => match atom.text() {
                [byte] if self.percent.is_empty() => self.byte(*byte, atom.raw()),
                _ => Fed::Stop(0),
            },
        }
    }

    fn run(&mut self, run: &[u8]) -> Fed {
        let mut at = 0;
        while let Some(first) = run.get(at).copied() {
            let rest = run.get(at..).unwrap_or_default();
            let fed = if !self.percent.is_empty() || first == b'%' {
                self.percent_byte(first)
            } else if first == b'=' {
                self.byte(first, b"=")
            } else {
                let end = memchr::memchr2(b'=', b'%', rest).unwrap_or(rest.len());
                let symbols = rest.get(..end).unwrap_or_default();
                match self.symbols(symbols) {
                    Fed::All => {
                        at += end;
                        continue;
                    }
                    Fed::Stop(taken) => return Fed::Stop(at + taken),
                    Fed::Uneven(taken) => return Fed::Uneven(at + taken),
                }
            };
            match fed {
                Fed::All => at += 1,
                Fed::Uneven(_) => return Fed::Uneven(at),
                Fed::Stop(_) => return Fed::Stop(at),
            }
        }
        Fed::All
    }

    /// Takes symbols that stand for themselves.
    fn symbols(&mut self, symbols: &[u8]) -> Fed {
        if self.pads > 0 {
            return Fed::Stop(0);
        }
        if !symbols.first().is_some_and(|byte| is_symbol(*byte)) {
            return Fed::Stop(0);
        }
        if self.symbols.alphabet.is_none() {
            self.symbols.alphabet = symbols.iter().find_map(|byte| alphabet_of(*byte));
        }
        // Which of the two stand for themselves here matters until both were seen, and where they
        // must not.
        let [last, very_last] = self.symbols.alphabet.unwrap_or_default().last_symbols();
        for (at, symbol) in [last, very_last].into_iter().enumerate() {
            if !self.plain[at] && memchr::memchr(symbol, symbols).is_some() {
                if self.forms[at].is_some() {
                    return self.up_to(symbols, symbol);
                }
                self.plain[at] = true;
            }
        }
        // A line break is settled only by a symbol that is taken.
        let first = symbols.get(..1).unwrap_or_default();
        if self.symbols.valid(first) == 0 {
            return Fed::Stop(0);
        }
        if !self.lines.fit(symbols.len() as u64) {
            return Fed::Uneven(0);
        }
        let taken = self.symbols.decode(symbols);
        self.text_len += taken as u64;
        self.lines.add(taken);
        match taken == symbols.len() {
            true => Fed::All,
            false => Fed::Stop(taken),
        }
    }

    /// Takes the symbols before the first that is spelled in another way than before.
    fn up_to(&mut self, symbols: &[u8], uneven: u8) -> Fed {
        match memchr::memchr(uneven, symbols) {
            None | Some(0) => Fed::Uneven(0),
            Some(end) => match self.symbols(symbols.get(..end).unwrap_or_default()) {
                Fed::All => Fed::Uneven(end),
                fed => fed,
            },
        }
    }

    /// Takes one character that is spelled in this way.
    fn byte(&mut self, byte: u8, raw: &[u8]) -> Fed {
        if raw.len() > MAX_FORM_LEN {
            return Fed::Stop(0);
        }
        if matches!(byte, b'\n' | b'\r') {
            if self.dialect == Dialect::Uri || self.text_len == 0 {
                return Fed::Stop(0);
            }
            if !self.lines.break_goes_on(raw) {
                return Fed::Uneven(0);
            }
            self.text_len += raw.len() as u64;
            return Fed::All;
        }
        let found = match byte {
            b'=' => {
                let carried = self.symbols.carry.len();
                if carried < 2 || carried + self.pads >= 4 {
                    return Fed::Stop(0);
                }
                Some(2)
            }
            _ if !is_symbol(byte) || self.pads > 0 => return Fed::Stop(0),
            _ => {
                let alphabet = self.symbols.alphabet.or_else(|| alphabet_of(byte));
                let last = alphabet.unwrap_or_default().last_symbols();
                let at = last.iter().position(|symbol| *symbol == byte);
                if at.is_none() && !byte.is_ascii_alphanumeric() {
                    return Fed::Stop(0);
                }
                self.symbols.alphabet = alphabet;
                at
            }
        };
        let is_plain = raw == [byte];
        match found {
            Some(at) if is_plain && self.forms[at].is_none() => self.plain[at] = true,
            Some(at) if !is_plain && !self.plain[at] => match &self.forms[at] {
                None => self.forms[at] = Some(raw.into()),
                Some(form) if **form == *raw => {}
                Some(_) => return Fed::Uneven(0),
            },
            None if is_plain => {}
            _ => return Fed::Uneven(0),
        }
        if !self.lines.fit(1) {
            return Fed::Uneven(0);
        }
        self.lines.add(1);
        self.text_len += raw.len() as u64;
        if byte == b'=' {
            self.pads += 1;
        } else {
            self.symbols.decode(&[byte]);
        }
        Fed::All
    }

    /// Takes a byte of `%2B` or its like.
    fn percent_byte(&mut self, byte: u8) -> Fed {
        if self.dialect != Dialect::Uri {
            return Fed::Stop(0);
        }
        if !self.percent.is_empty() && !byte.is_ascii_hexdigit() {
            return Fed::Stop(0);
        }
        self.percent.push(byte);
        if self.percent.len() < 3 {
            return Fed::All;
        }
        let digit = |at: usize| {
            self.percent
                .get(at)
                .and_then(|d| char::from(*d).to_digit(16))
        };
        let code = digit(1)
            .zip(digit(2))
            .map_or(0, |(high, low)| high * 16 + low);
        let mut raw = std::mem::take(&mut self.percent);
        let fed = match u8::try_from(code) {
            Ok(byte) if byte.is_ascii() => self.byte(byte, &raw),
            _ => Fed::Stop(0),
        };
        if fed != Fed::All {
            // Its last byte was not taken; the others are written back with what is open.
            raw.pop();
            self.percent = raw;
        }
        fed
    }

    /// Ends the text, and returns what it stands for; the reader and why not, if it is not canonical.
    pub(crate) fn finish(mut self) -> Result<Finished, (Box<Self>, NotCanonical)> {
        let carried = self.symbols.carry.len();
        let why = if carried == 1 || self.symbols.decoded_len == 0 && carried == 0 {
            Some(NotCanonical::NotBase64)
        } else if self.pads > 0 && carried + self.pads != 4
            || !self.percent.is_empty()
            || !self.lines.may_end()
            || !self.symbols.end()
        {
            Some(NotCanonical::NotReproducible)
        } else {
            None
        };
        if let Some(why) = why {
            return Err((Box::new(self), why));
        }
        let symbols = self.symbols;
        Ok(Finished {
            style: Style::Base64(Base64Style {
                alphabet: symbols.alphabet.unwrap_or_default(),
                padded: self.pads > 0 || symbols.carry.is_empty(),
                forms: self.forms,
                breaks: self.lines.ended(),
            }),
            decoded: symbols.decoded,
            decoded_len: symbols.decoded_len,
            text_len: self.text_len,
            head: symbols.head,
        })
    }

    /// What spells the decoded bytes again, and then the text that is not decoded.
    pub(crate) fn into_respelling(self) -> Respelling {
        let (breaks, open_break) = self.lines.into_parts();
        let style = Base64Style {
            alphabet: self.symbols.alphabet.unwrap_or_default(),
            padded: true,
            forms: self.forms,
            breaks,
        };
        let mut symbols = self.symbols.carry;
        symbols.resize(symbols.len() + self.pads, b'=');
        let rest = [open_break, self.percent].concat();
        Respelling::of_base64(style, self.symbols.decoded, symbols, rest)
    }
}
