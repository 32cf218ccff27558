//! Messages of every dialect.

use super::json::{Json, STANDARD, Spelling, URL_SAFE, text};
use super::random::Random;

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

/// Bytes that are written as numbers, as serializers of byte arrays write them, and numbers that are
/// none.
fn numbers(random: &mut Random) -> Json {
    use Json::{Array, Numbers, Object, Scalar};
    let bytes = media(random);
    match random.below(6) {
        0 => Object(vec![
            ("type", text("Buffer")),
            ("data", Numbers(bytes, false)),
        ]),
        1 => Object(vec![
            (
                "data",
                Object(vec![
                    ("type", text("raw")),
                    ("value", Numbers(bytes, false)),
                ]),
            ),
            ("media_type", text("image/png")),
        ]),
        2 => Object(vec![
            ("type", text("file")),
            ("data", Numbers(bytes, true)),
            ("mediaType", text("audio/wav")),
        ]),
        3 => Object(vec![
            ("bytes", Numbers(bytes, random.one_in(2))),
            ("mimeType", text("image/png")),
        ]),
        4 => Object(vec![
            (
                "embedding",
                Array(
                    (0..20)
                        .map(|_| Scalar(random.of(&["0.25", "-1", "7"])))
                        .collect(),
                ),
            ),
            (
                "tokens",
                Array(
                    (0..random.below(40))
                        .map(|_| Scalar(random.of(&["0", "12", "255", "256"])))
                        .collect(),
                ),
            ),
        ]),
        _ => Object(vec![
            ("0", text("x")),
            ("text", Array(vec![Scalar("1"), prose(random)])),
        ]),
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
    if random.has_numbers && random.one_in(3) {
        return numbers(random);
    }
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

pub fn message(random: &mut Random) -> Json {
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
