//! How base64 is spelled in a history, and spelling it that way again.

use std::fmt::{self, Write as _};

use media_types::base64::{Alphabet, Encoder};

use super::field::{Form, from_hex, hex};

/// How base64 is spelled: alphabet, padding, escapes, line breaks.
///
/// In a placeholder it is two letters and, where needed, fields that follow dots: `sp` is the standard
/// alphabet with padding, `un` the URL-safe one without, `sp.b5c2f` has each `/` written as `\/`, and
/// `sp.l76-5c6e.t` breaks lines after 76 symbols by `\n`, with one at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base64Style {
    pub(crate) alphabet: Alphabet,
    /// Whether padding is written where the length asks for it.
    pub(crate) padded: bool,
    /// The spelling of the symbol for 62, of the one for 63, and of the padding.
    pub(crate) forms: [Form; 3],
    pub(crate) breaks: Option<Breaks>,
}

/// Line breaks at even distances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Breaks {
    /// How many symbols are on a line.
    pub(crate) every: u32,
    /// The break as it is written.
    pub(crate) text: Box<[u8]>,
    /// Whether one follows the last symbol.
    pub(crate) trailing: bool,
}

impl Base64Style {
    /// The standard alphabet with padding, nothing escaped.
    pub(crate) fn standard() -> Self {
        Self {
            alphabet: Alphabet::Standard,
            padded: true,
            forms: [None, None, None],
            breaks: None,
        }
    }

    /// Whether every symbol stands for itself, without line breaks.
    fn is_verbatim(&self) -> bool {
        self.breaks.is_none() && self.forms.iter().all(Option::is_none)
    }

    /// Reads the form of a placeholder.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let (alphabet, padded) = match parts.next()? {
            "sp" => (Alphabet::Standard, true),
            "sn" => (Alphabet::Standard, false),
            "up" => (Alphabet::UrlSafe, true),
            "un" => (Alphabet::UrlSafe, false),
            _ => return None,
        };
        let mut style = Self {
            alphabet,
            padded,
            ..Self::standard()
        };
        for part in parts {
            let (name, value) = part.split_at_checked(1)?;
            let form = match name {
                "a" => 0,
                "b" => 1,
                "c" => 2,
                "l" => {
                    let (every, text) = value.split_once('-')?;
                    style.breaks = Some(Breaks {
                        every: every.parse().ok().filter(|every| *every > 0)?,
                        text: from_hex(text)?,
                        trailing: false,
                    });
                    continue;
                }
                "t" => {
                    style.breaks.as_mut()?.trailing = true;
                    continue;
                }
                _ => return None,
            };
            style.forms[form] = Some(from_hex(value)?);
        }
        Some(style)
    }
}

impl fmt::Display for Base64Style {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char(match self.alphabet {
            Alphabet::UrlSafe => 'u',
            _ => 's',
        })?;
        f.write_char(if self.padded { 'p' } else { 'n' })?;
        for (name, form) in ["a", "b", "c"].iter().zip(&self.forms) {
            if let Some(form) = form {
                write!(f, ".{name}")?;
                hex(f, form)?;
            }
        }
        if let Some(breaks) = &self.breaks {
            write!(f, ".l{}-", breaks.every)?;
            hex(f, &breaks.text)?;
            if breaks.trailing {
                f.write_str(".t")?;
            }
        }
        Ok(())
    }
}

/// Spells bytes that arrive in pieces of any size.
#[derive(Debug)]
pub(crate) struct Base64Encoder {
    style: Base64Style,
    encoder: Encoder,
    symbols: Vec<u8>,
    /// How many symbols are on the line so far.
    column: u32,
}

impl Base64Encoder {
    /// An encoder at the start of the bytes.
    pub(crate) fn new(style: Base64Style) -> Self {
        Self {
            encoder: Encoder::with_alphabet(style.alphabet),
            style,
            symbols: Vec::new(),
            column: 0,
        }
    }

    /// Returns the room for the text of `bytes` more bytes, where no symbol is escaped.
    pub(crate) fn capacity(&self, bytes: usize) -> usize {
        let symbols = bytes.div_ceil(3) * 4 + 4;
        let breaks = self.style.breaks.as_ref().map_or(0, |breaks| {
            let every = usize::try_from(breaks.every).unwrap_or(usize::MAX);
            (symbols / every.max(1) + 1) * breaks.text.len()
        });
        symbols + breaks
    }

    /// Spells the next piece and appends the text to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if self.style.is_verbatim() {
            self.encoder.push(bytes, out);
        } else {
            self.symbols.clear();
            self.encoder.push(bytes, &mut self.symbols);
            self.spell(out);
        }
    }

    /// Spells symbols instead of bytes; a multiple of three bytes must have been spelled before.
    pub(crate) fn push_symbols(&mut self, symbols: &[u8], out: &mut Vec<u8>) {
        self.symbols.clear();
        self.symbols.extend_from_slice(symbols);
        self.spell(out);
    }

    /// Ends the text: appends what was left.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) {
        self.symbols.clear();
        std::mem::take(&mut self.encoder).finish(&mut self.symbols);
        if !self.style.padded {
            let symbols = self.symbols.iter().take_while(|symbol| **symbol != b'=');
            let len = symbols.count();
            self.symbols.truncate(len);
        }
        self.spell(out);
        if let Some(breaks) = self.style.breaks.as_ref().filter(|breaks| breaks.trailing) {
            out.extend_from_slice(&breaks.text);
        }
    }

    fn spell(&mut self, out: &mut Vec<u8>) {
        let [last, very_last] = self.style.alphabet.last_symbols();
        for symbol in &self.symbols {
            if let Some(breaks) = &self.style.breaks {
                if self.column == breaks.every {
                    out.extend_from_slice(&breaks.text);
                    self.column = 0;
                }
                self.column += 1;
            }
            let form = match *symbol {
                symbol if symbol == last => &self.style.forms[0],
                symbol if symbol == very_last => &self.style.forms[1],
                b'=' => &self.style.forms[2],
                _ => &None,
            };
            match form {
                Some(form) => out.extend_from_slice(form),
                None => out.push(*symbol),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::MAX_FORM_LEN;

    fn spelled(style: &str, bytes: &[u8]) -> String {
        let style = Base64Style::parse(style).unwrap();
        let mut whole = Vec::new();
        let mut encoder = Base64Encoder::new(style.clone());
        encoder.push(bytes, &mut whole);
        encoder.finish(&mut whole);
        let (mut encoder, mut pieces) = (Base64Encoder::new(style), Vec::new());
        for byte in bytes {
            encoder.push(&[*byte], &mut pieces);
        }
        encoder.finish(&mut pieces);
        assert_eq!(whole, pieces);
        String::from_utf8(whole).unwrap()
    }

    #[test]
    fn styles_are_spelled() {
        let bytes = [0xfb, 0xff, 0xfe, 0x3f];
        for (style, text) in [
            ("sp", "+//+Pw=="),
            ("sn", "+//+Pw"),
            ("up", "-__-Pw=="),
            ("un", "-__-Pw"),
            ("sp.b5c2f", "+\\/\\/+Pw=="),
            ("sp.a5c7530303262.c253344", "\\u002b//\\u002bPw%3D%3D"),
            ("sp.l3-5c6e", "+//\\n+Pw\\n=="),
            ("sn.l3-5c6e.t", "+//\\n+Pw\\n"),
        ] {
            assert_eq!(spelled(style, &bytes), text);
            assert_eq!(Base64Style::parse(style).unwrap().to_string(), style);
        }
        assert_eq!(spelled("sp", b""), "");
    }

    #[test]
    fn other_text_is_no_style() {
        let long = format!("sp.a{}", "00".repeat(MAX_FORM_LEN + 1));
        for bad in [
            "", "s", "xp", "sp.", "sp.a", "sp.a0", "sp.aXX", "sp.t", "sp.l0-0a", "sp.l5", "sp.z00",
            &long,
        ] {
            assert_eq!(Base64Style::parse(bad), None, "{bad}");
        }
    }
}
