//! Histories that know their media: every dialect, every way to write it.

use media_types::base64::{Alphabet, Encoder};

/// A history, and the media in it.
#[derive(Debug)]
pub struct Generated {
    pub text: Vec<u8>,
    /// Document, path and bytes of each value, in the order of the text.
    pub media: Vec<(u64, String, Vec<u8>)>,
}

/// A generator of numbers (SplitMix64): one seed, one history.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

enum Json {
    Text(String),
    Scalar(&'static str),
    Array(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
    /// A string that holds JSON.
    Nested(Box<Json>),
    /// Base64 as a whole string.
    Media(Vec<u8>, Spelling),
    /// Text with `data:` URIs in it: what stands before each, its bytes, and what stands at the end.
    Uris(Vec<(String, Vec<u8>)>, String),
}

#[derive(Clone, Copy)]
struct Spelling {
    alphabet: Alphabet,
    padded: bool,
    wrap: Option<(usize, &'static str)>,
}

const STANDARD: Spelling = Spelling {
    alphabet: Alphabet::Standard,
    padded: true,
    wrap: None,
};

const URL_SAFE: Spelling = Spelling {
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
struct Writer {
    space: &'static str,
    newline: bool,
    slash: bool,
    ascii: bool,
    signs: bool,
}

impl Writer {
    fn random(random: &mut Random) -> Self {
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
struct Renderer<'a> {
    random: &'a mut Random,
    media: Vec<(String, Vec<u8>)>,
}

impl Renderer<'_> {
    fn render(&mut self, json: &Json, path: &str, writer: Writer, lines: bool, out: &mut String) {
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

fn text(text: &str) -> Json {
    Json::Text(text.to_owned())
}

/// Media with the first bytes of a format, or without.
fn media(random: &mut Random) -> Vec<u8> {
    let magic: &[u8] = random.of(&[
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"%PDF-1.4",
        b"RIFF\x24\0\0\0WAVE",
        b"\x01\x02\x03\x04",
        b"",
    ]);
    let len = 12
        + if random.one_in(20) {
            random.below(20_000)
        } else {
            random.below(500)
        };
    let mut bytes = magic.to_vec();
    bytes.extend((0..len).map(|_| random.next() as u8));
    bytes
}

fn uri(random: &mut Random, before: &str) -> (String, Vec<u8>) {
    let head = random.of(&[
        "data:image/png;base64,",
        "DATA:IMAGE/JPEG;BASE64,",
        "data:application/pdf;name=a.pdf;base64,",
        "data:;base64,",
    ]);
    (format!("{before}{head}"), media(random))
}

fn whole_uri(random: &mut Random) -> Json {
    Json::Uris(vec![uri(random, "")], String::new())
}

fn prose(random: &mut Random) -> Json {
    let words = [
        "What is this? Ein schönes Bild 🖼️ \"quoted\" \\ and / more",
        "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAHElEQVR42mNgZmYODg5evHgx",
        "[1] a footnote, see data: none",
        "{\"data\": \"AAAABBBBCCCCDDDD\", oops",
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdef",
        "media-ref:v1:file::a:b:c",
        "line one\nline two: base64,AAAA;base64,",
        "",
    ];
    match random.below(words.len() + 2) {
        0 => Json::Uris(
            vec![uri(random, "see ![x]("), uri(random, ") and <img src=\"")],
            "\"> there".to_owned(),
        ),
        1 => text(&"long prose, without media. ".repeat(random.below(400))),
        at => text(words[at - 2]),
    }
}

/// A part of a message in some dialect.
fn part(random: &mut Random, level: usize) -> Json {
    use Json::{Array, Media, Nested, Object};
    let bytes = media(random);
    let standard = Media(bytes.clone(), STANDARD);
    let url_safe = Media(
        bytes.clone(),
        Spelling {
            padded: random.one_in(2),
            ..URL_SAFE
        },
    );
    let wrapped = Media(
        bytes,
        Spelling {
            wrap: Some((
                random.of(&[&76, &64, &60]).to_owned(),
                random.of(&["\n", "\r\n"]),
            )),
            padded: random.one_in(2),
            ..STANDARD
        },
    );
    let mime = || text("audio/wav");
    match random.below(24) {
        0 => Object(vec![
            ("type", text("image_url")),
            (
                "image_url",
                Object(vec![("url", whole_uri(random)), ("detail", text("high"))]),
            ),
        ]),
        1 => Object(vec![
            ("type", text("input_image")),
            ("image_url", whole_uri(random)),
        ]),
        2 => Object(vec![
            ("type", text("input_audio")),
            (
                "input_audio",
                Object(vec![("data", standard), ("format", text("wav"))]),
            ),
        ]),
        3 => Object(vec![(
            "file",
            Object(vec![
                ("filename", text("a.pdf")),
                ("file_data", whole_uri(random)),
            ]),
        )]),
        4 => Object(vec![
            ("type", text("image_generation_call")),
            ("id", text("ig_AAAABBBBCCCCDDDD")),
            ("result", standard),
        ]),
        5 => Object(vec![("b64_json", standard), ("output_format", text("png"))]),
        6 => Object(vec![
            ("type", text("image")),
            (
                "source",
                Object(vec![
                    ("type", text("base64")),
                    ("media_type", text("image/png")),
                    ("data", standard),
                ]),
            ),
        ]),
        7 => Object(vec![(
            "source",
            Object(vec![
                ("type", text("text")),
                ("media_type", text("text/plain")),
                ("data", text("plaintextplaintextplaintext1")),
            ]),
        )]),
        8 => Object(vec![(
            random.of(&["inlineData", "inline_data"]),
            Object(vec![("data", url_safe), ("mimeType", mime())]),
        )]),
        9 => Object(vec![("bytesBase64Encoded", standard), ("mimeType", mime())]),
        10 => Object(vec![
            ("type", text("audio")),
            ("base64", standard),
            ("mime_type", mime()),
        ]),
        11 => Object(vec![
            ("source_type", text("base64")),
            ("data", standard),
            ("mime_type", mime()),
        ]),
        12 => Object(vec![
            ("id", text("x")),
            ("content", standard),
            ("mime_type", mime()),
        ]),
        13 => Object(vec![
            ("data", url_safe),
            ("media_type", mime()),
            ("vendor_metadata", Json::Scalar("null")),
            ("kind", text("binary")),
            ("identifier", text("a1b2c3d4a1b2c3d4")),
        ]),
        14 => Object(vec![
            ("type", text("file")),
            ("mediaType", text("image/png")),
            ("url", whole_uri(random)),
        ]),
        15 => Object(vec![
            ("type", text("file")),
            (
                "data",
                Object(vec![("type", text("data")), ("data", standard)]),
            ),
            ("mediaType", text("image/png")),
        ]),
        16 => Object(vec![(
            "media",
            Object(vec![
                ("data", standard),
                ("mime_type", mime()),
                ("x", Json::Scalar("null")),
            ]),
        )]),
        17 => Object(vec![(
            "resource",
            Object(vec![
                ("uri", text("x")),
                ("mimeType", mime()),
                ("blob", wrapped),
            ]),
        )]),
        18 => Object(vec![
            (
                "data",
                Object(vec![("type", text("base64")), ("value", standard)]),
            ),
            ("media_type", text("png")),
        ]),
        19 => Object(vec![(
            "Binary",
            Object(vec![
                ("content_type", text("image/png")),
                ("source", Object(vec![("Base64", standard)])),
            ]),
        )]),
        20 => Object(vec![
            (
                "signature",
                text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
            ),
            (
                "sha256",
                text("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
            ),
            ("usage", Json::Scalar("-1.5e+3")),
            ("ok", Json::Scalar("true")),
        ]),
        21 => {
            let depth = random.below(40);
            let deep = (0..depth).fold(prose(random), |inner, _| Array(vec![inner]));
            // What bytes without any key are is told by the bytes alone.
            Object(vec![("text", deep)])
        }
        22 | 23 if level < 3 => {
            let inner = Array(
                (0..=random.below(2))
                    .map(|_| part(random, level + 1))
                    .collect(),
            );
            Object(vec![(
                random.of(&["output", "arguments", "content", "payload"]),
                Nested(Box::new(inner)),
            )])
        }
        _ => Object(vec![("type", text("text")), ("text", prose(random))]),
    }
}

fn message(random: &mut Random) -> Json {
    let parts = (0..random.below(5)).map(|_| part(random, 0)).collect();
    Json::Object(vec![
        ("id", text("msg_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
        ("role", text("user")),
        (
            "content",
            if random.one_in(5) {
                prose(random)
            } else {
                Json::Array(parts)
            },
        ),
    ])
}

/// The history of a seed.
pub fn generate(seed: u64) -> Generated {
    let mut random = Random::new(seed);
    let writer = Writer::random(&mut random);
    let messages: Vec<Json> = (0..random.below(6)).map(|_| message(&mut random)).collect();
    let form = random.below(4);
    let mut out = String::new();
    let mut media = Vec::new();
    let documents: Vec<Json> = match form {
        0 | 1 => messages,
        2 => vec![Json::Array(messages)],
        _ => vec![Json::Object(vec![
            ("model", text("gpt-x")),
            ("messages", Json::Array(messages)),
        ])],
    };
    if random.one_in(10) {
        out.push('\u{feff}');
    }
    for (number, document) in documents.iter().enumerate() {
        let mut renderer = Renderer {
            random: &mut random,
            media: Vec::new(),
        };
        if form == 1 {
            out.push('\u{1e}');
        }
        renderer.render(document, "", writer, form < 2, &mut out);
        let found = renderer.media.into_iter();
        media.extend(found.map(|(path, bytes)| (number as u64, path, bytes)));
        out.push_str(if form < 2 { "\n" } else { "" });
    }
    Generated {
        text: out.into_bytes(),
        media,
    }
}
