//! Histories of generated messages.

use super::dialects::message;
use super::json::{Json, Renderer, Writer, text};
use super::random::Random;

/// A history, and the media in it.
#[derive(Debug)]
pub struct Generated {
    pub text: Vec<u8>,
    /// Document, path and bytes of each value, in the order of the text.
    pub media: Vec<(u64, String, Vec<u8>)>,
}

/// The history of a seed.
pub fn generate(seed: u64) -> Generated {
    generate_by(Random::new(seed))
}

/// The history of a seed, in which some bytes are written as numbers.
#[allow(dead_code, reason = "not every user has such histories")]
pub fn generate_with_numbers(seed: u64) -> Generated {
    let mut random = Random::new(seed);
    random.has_numbers = true;
    generate_by(random)
}

fn generate_by(mut random: Random) -> Generated {
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
