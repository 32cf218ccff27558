//! Base64 that is decoded as it is read, together with how it is spelled.
//!
//! At every moment, the bytes decoded so far, spelled in the style found so far, give the text read so
//! far: what turns out not to be media is written back from them, and no text is kept.

use media_types::SNIFF_LEN;
use media_types::base64::{Alphabet, Decoder, decode_with};

use super::escape::Unit;
use super::respell::{Finished, Respelling};
use crate::style::{Breaks, Form, MAX_FORM_LEN, Style};

/// What came of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// All of it belongs to the base64.
    All,
    /// So many bytes at the start of it do; a character that is no base64 follows.
    Stop(usize),
    /// So many bytes at the start of it do; what follows is base64 too, but no even style gives this
    /// text.
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
    /// Always at a multiple of four symbols.
    decoder: Decoder,
    alphabet: Option<Alphabet>,
    /// Up to three symbols that are not decoded yet.
    carry: Vec<u8>,
    pads: usize,
    /// Whether 62, 63 and the padding were seen as themselves.
    plain: [bool; 3],
    forms: [Form; 3],
    breaks: Option<Breaks>,
    /// Symbols on the line so far.
    column: u64,
    /// A line break that no symbol has followed yet.
    open_break: Vec<u8>,
    /// An escape in the style of URLs that is not complete.
    percent: Vec<u8>,
    text_len: u64,
    decoded: Vec<u8>,
    decoded_len: u64,
    head: Vec<u8>,
}

/// Where base64 stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// It is a whole string, and may have line breaks.
    Whole,
    /// It is in a `data:` URI, and may have percent escapes.
    Uri,
}

fn is_symbol(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

impl Reader {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            decoder: Decoder::new(),
            alphabet: None,
            carry: Vec::new(),
            pads: 0,
            plain: [false; 3],
            forms: [None, None, None],
            breaks: None,
            column: 0,
            open_break: Vec::new(),
            percent: Vec::new(),
            text_len: 0,
            decoded: Vec::new(),
            decoded_len: 0,
            head: Vec::new(),
        }
    }

    /// How many bytes are decoded.
    pub(crate) fn decoded_len(&self) -> u64 {
        self.decoded_len
    }

    /// The first decoded bytes, for sniffing.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The decoded bytes that are in memory, to be taken when they are many.
    pub(crate) fn decoded(&mut self) -> &mut Vec<u8> {
        &mut self.decoded
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
        if self.alphabet.is_none() {
            self.alphabet = symbols.iter().find_map(|byte| alphabet_of(*byte));
        }
        // Which of the two stand for themselves here matters until both were seen, and where they
        // must not.
        let [last, very_last] = self.alphabet.unwrap_or_default().last_symbols();
        for (at, symbol) in [last, very_last].into_iter().enumerate() {
            if !self.plain[at] && memchr::memchr(symbol, symbols).is_some() {
                if self.forms[at].is_some() {
                    return self.up_to(symbols, symbol);
                }
                self.plain[at] = true;
            }
        }
        // A line break is settled only by a symbol that is taken.
        if self.valid(symbols.get(..1).unwrap_or_default()) == 0 {
            return Fed::Stop(0);
        }
        if let Some(fed) = self.line_goes_on(symbols.len() as u64) {
            return fed;
        }
        let taken = self.decode(symbols);
        self.text_len += taken as u64;
        self.column += taken as u64;
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

    /// Settles a line break that the next symbol ends, and looks whether so many more fit on the line.
    /// Returns what is wrong.
    fn line_goes_on(&mut self, more: u64) -> Option<Fed> {
        if self.open_break.is_empty() {
            let every = self.breaks.as_ref().map(|breaks| u64::from(breaks.every));
            return every
                .filter(|every| self.column + more > *every)
                .map(|_| Fed::Uneven(0));
        }
        match &self.breaks {
            None => {
                let Some(every) = u32::try_from(self.column).ok().filter(|every| *every > 0) else {
                    return Some(Fed::Uneven(0));
                };
                if more > u64::from(every) {
                    return Some(Fed::Uneven(0));
                }
                self.breaks = Some(Breaks {
                    every,
                    text: self.open_break.as_slice().into(),
                    trailing: false,
                });
            }
            Some(breaks) => {
                let every = u64::from(breaks.every);
                let is_even = self.column == every && *breaks.text == *self.open_break;
                if !is_even || more > every {
                    return Some(Fed::Uneven(0));
                }
            }
        }
        self.open_break.clear();
        self.column = 0;
        None
    }

    /// Decodes symbols, four at a time; returns how many are symbols of the alphabet.
    fn decode(&mut self, symbols: &[u8]) -> usize {
        let fill = (4 - self.carry.len()) % 4;
        let (fill, rest) = symbols.split_at(fill.min(symbols.len()));
        let mut whole = Vec::new();
        if !self.carry.is_empty() {
            let valid = self.valid(fill);
            self.carry
                .extend_from_slice(fill.get(..valid).unwrap_or_default());
            if valid < fill.len() || self.carry.len() < 4 {
                return valid;
            }
            whole = std::mem::take(&mut self.carry);
        }
        self.push(&whole);
        whole.clear();
        self.carry = whole;
        let end = rest.len() / 4 * 4;
        let (quads, tail) = rest.split_at(end);
        let mut taken = fill.len();
        if !self.push(quads) {
            let valid = self.valid(quads);
            let even = valid / 4 * 4;
            self.push(quads.get(..even).unwrap_or_default());
            self.carry
                .extend_from_slice(quads.get(even..valid).unwrap_or_default());
            return taken + valid;
        }
        taken += quads.len();
        let valid = self.valid(tail);
        self.carry
            .extend_from_slice(tail.get(..valid).unwrap_or_default());
        taken + valid
    }

    /// How many bytes at the start are symbols of the alphabet.
    fn valid(&self, symbols: &[u8]) -> usize {
        let other = match self.alphabet {
            Some(Alphabet::UrlSafe) => *b"+/",
            Some(_) => *b"-_",
            None => return symbols.iter().take_while(|byte| is_symbol(**byte)).count(),
        };
        symbols
            .iter()
            .take_while(|byte| is_symbol(**byte) && !other.contains(byte))
            .count()
    }

    /// Decodes a multiple of four symbols. Whether that went well; nothing was decoded otherwise.
    fn push(&mut self, quads: &[u8]) -> bool {
        if quads.is_empty() {
            return true;
        }
        // At a multiple of four a decoder has no state but its alphabet.
        self.decoder = Decoder::with_alphabet(self.alphabet.unwrap_or_default());
        let before = self.decoded.len();
        let pushed = self.decoder.push(quads, &mut self.decoded);
        // The decoder passes over line breaks; here every byte must be a symbol.
        if pushed.is_err() || self.decoded.len() - before != quads.len() / 4 * 3 {
            self.decoded.truncate(before);
            return false;
        }
        let new = self.decoded.get(before..).unwrap_or_default();
        self.decoded_len += new.len() as u64;
        let missing = SNIFF_LEN.saturating_sub(self.head.len()).min(new.len());
        self.head
            .extend_from_slice(new.get(..missing).unwrap_or_default());
        true
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
            if self.open_break.len() + raw.len() > MAX_FORM_LEN {
                return Fed::Uneven(0);
            }
            self.open_break.extend_from_slice(raw);
            self.text_len += raw.len() as u64;
            return Fed::All;
        }
        let found = match byte {
            b'=' => {
                let quad = self.carry.len() + self.pads;
                if self.carry.len() < 2 || quad >= 4 {
                    return Fed::Stop(0);
                }
                Some(2)
            }
            _ if !is_symbol(byte) || self.pads > 0 => return Fed::Stop(0),
            _ => {
                let alphabet = self.alphabet.or_else(|| alphabet_of(byte));
                let last = alphabet.unwrap_or_default().last_symbols();
                let at = last.iter().position(|symbol| *symbol == byte);
                if at.is_none() && !byte.is_ascii_alphanumeric() {
                    return Fed::Stop(0);
                }
                self.alphabet = alphabet;
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
        if let Some(fed) = self.line_goes_on(1) {
            return fed;
        }
        self.column += 1;
        self.text_len += raw.len() as u64;
        if byte == b'=' {
            self.pads += 1;
        } else {
            self.decode(&[byte]);
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
        let length = self.carry.len() + self.pads;
        let why = if self.carry.len() == 1 || self.decoded_len == 0 && self.carry.is_empty() {
            Some(NotCanonical::NotBase64)
        } else if self.pads > 0 && length != 4
            || !self.percent.is_empty()
            || !self.open_break.is_empty() && !self.break_may_end()
        {
            Some(NotCanonical::NotReproducible)
        } else {
            None
        };
        if let Some(why) = why {
            return Err((Box::new(self), why));
        }
        let alphabet = self.alphabet.unwrap_or_default();
        let Ok(last) = decode_with(alphabet, &self.carry) else {
            return Err((Box::new(self), NotCanonical::NotReproducible));
        };
        if !self.open_break.is_empty() {
            let every = u32::try_from(self.column).unwrap_or(u32::MAX);
            let breaks = self.breaks.get_or_insert_with(|| Breaks {
                every,
                text: self.open_break.as_slice().into(),
                trailing: true,
            });
            breaks.trailing = true;
        }
        self.decoded_len += last.len() as u64;
        let missing = SNIFF_LEN.saturating_sub(self.head.len());
        self.head.extend(last.iter().take(missing));
        self.decoded.extend_from_slice(&last);
        Ok(Finished {
            style: Style {
                alphabet,
                padded: self.pads > 0 || self.carry.is_empty(),
                forms: self.forms,
                breaks: self.breaks,
            },
            decoded: self.decoded,
            decoded_len: self.decoded_len,
            text_len: self.text_len,
            head: self.head,
        })
    }

    /// Whether the open line break can be the one at the end of the text.
    fn break_may_end(&self) -> bool {
        match &self.breaks {
            Some(breaks) => *breaks.text == *self.open_break,
            None => u32::try_from(self.column).is_ok(),
        }
    }

    /// What spells the decoded bytes again, and then the text that is not decoded.
    pub(crate) fn into_respelling(self) -> Respelling {
        let style = Style {
            alphabet: self.alphabet.unwrap_or_default(),
            padded: true,
            forms: self.forms,
            breaks: self.breaks,
        };
        let mut symbols = self.carry;
        symbols.resize(symbols.len() + self.pads, b'=');
        Respelling::new(
            style,
            self.decoded,
            symbols,
            [self.open_break, self.percent].concat(),
        )
    }
}

fn alphabet_of(byte: u8) -> Option<Alphabet> {
    match byte {
        b'+' | b'/' => Some(Alphabet::Standard),
        b'-' | b'_' => Some(Alphabet::UrlSafe),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
