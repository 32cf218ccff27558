//! Documents, and every way to write them.

use media_types::base64::{Alphabet, Encoder};

use super::random::Random;

/// A document before it is written.
pub enum Json {
    Text(String),
    Scalar(&'static str),
    Array(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
    /// A string that holds JSON.
    Nested(Box<Json>),
    /// Base64 as a whole string.
    Media(Vec<u8>, Spelling),
    /// Bytes as an array of numbers, or as an object of them.
    Numbers(Vec<u8>, bool),
    /// Text with `data:` URIs in it: what stands before each, its bytes, and what stands at the end.
    Uris(Vec<(String, Vec<u8>)>, String),
}

/// How base64 is written.
#[derive(Clone, Copy)]
pub struct Spelling {
    pub alphabet: Alphabet,
    pub padded: bool,
    pub wrap: Option<(usize, &'static str)>,
}

pub const STANDARD: Spelling = Spelling {
    alphabet: Alphabet::Standard,
    padded: true,
    wrap: None,
};

pub const URL_SAFE: Spelling = Spelling {
    alphabet: Alphabet::UrlSafe,
    ..STANDARD
};

impl Spelling {
    fn text(self, bytes: &[u8]) -> String {
        let (mut encoder, mut text) = (Encoder::with_alphabet(self.alphabet), Vec::new());
        encoder.push(bytes, &mut text);
        encoder.finish(&mut text);
        let mut text = String::from_utf8(text).unwrap();
        if !self.padded {
            text.truncate(text.trim_end_matches('=').len());
        }
        match self.wrap {
            None => text,
            Some((width, end)) => {
                let lines = text.as_bytes().chunks(width);
                lines
                    .map(|line| String::from_utf8_lossy(line).into_owned() + end)
                    .collect()
            }
        }
    }
}

/// How a program writes JSON.
#[derive(Clone, Copy)]
pub struct Writer {
    space: &'static str,
    newline: bool,
    slash: bool,
    ascii: bool,
    signs: bool,
}

impl Writer {
    pub fn random(random: &mut Random) -> Self {
        Self {
            space: if random.one_in(2) { " " } else { "" },
            newline: random.one_in(4),
            slash: random.one_in(4),
            ascii: random.one_in(2),
            signs: random.one_in(6),
        }
    }

    fn string(self, text: &str, out: &mut String) {
        out.push('"');
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '/' if self.slash => out.push_str("\\/"),
                '+' | '=' if self.signs => {
                    out.push_str(&format!("\\u{:04x}", character as u32));
                }
                character if character.is_control() || self.ascii && !character.is_ascii() => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
                character => out.push(character),
            }
        }
        out.push('"');
    }
}

/// Renders JSON and notes where its media is.
pub struct Renderer<'a> {
    pub random: &'a mut Random,
    pub media: Vec<(String, Vec<u8>)>,
}

impl Renderer<'_> {
    pub fn render(
        &mut self,
        json: &Json,
        path: &str,
        writer: Writer,
        lines: bool,
        out: &mut String,
    ) {
        let newline = if writer.newline && !lines { "\n  " } else { "" };
        match json {
            Json::Scalar(text) => out.push_str(text),
            Json::Text(text) => writer.string(text, out),
            Json::Array(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    out.push_str(if newline.is_empty() && at > 0 {
                        writer.space
                    } else {
                        newline
                    });
                    self.render(item, &format!("{path}/{at}"), writer, lines, out);
                }
                out.push(']');
            }
            Json::Object(fields) => {
                out.push('{');
                for (at, (key, value)) in fields.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    out.push_str(if newline.is_empty() && at > 0 {
                        writer.space
                    } else {
                        newline
                    });
                    writer.string(key, out);
                    out.push(':');
                    out.push_str(writer.space);
                    self.render(value, &format!("{path}/{key}"), writer, lines, out);
                }
                out.push('}');
            }
            Json::Nested(inner) => {
                let inner_writer = Writer::random(self.random);
                let mut text = String::new();
                self.render(inner, &format!("{path}#"), inner_writer, false, &mut text);
                writer.string(&text, out);
            }
            Json::Media(bytes, spelling) => {
                self.media.push((path.to_owned(), bytes.clone()));
                writer.string(&spelling.text(bytes), out);
            }
            Json::Numbers(bytes, is_map) => {
                self.media.push((path.to_owned(), bytes.clone()));
                let gap = if newline.is_empty() {
                    writer.space
                } else {
                    newline
                };
                out.push(if *is_map { '{' } else { '[' });
                for (at, byte) in bytes.iter().enumerate() {
                    out.push_str(if at > 0 { "," } else { "" });
                    out.push_str(if at > 0 { gap } else { newline });
                    if *is_map {
                        out.push_str(&format!("\"{at}\":{}", writer.space));
                    }
                    out.push_str(&byte.to_string());
                }
                out.push_str(newline);
                out.push(if *is_map { '}' } else { ']' });
            }
            Json::Uris(uris, end) => {
                let mut text = String::new();
                for (before, bytes) in uris {
                    text.push_str(before);
                    text.push_str(&STANDARD.text(bytes));
                    self.media.push((path.to_owned(), bytes.clone()));
                }
                text.push_str(end);
                writer.string(&text, out);
            }
        }
    }
}

pub fn text(text: &str) -> Json {
    Json::Text(text.to_owned())
}
