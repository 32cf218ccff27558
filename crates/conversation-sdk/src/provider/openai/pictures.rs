//! The answer of the images endpoint, read while it arrives.

use bytes::Bytes;
use media_types::{MediaContent, MediaUrl, Mime, sniff};
use serde::Deserialize;
use serde_json::Value;

use super::reply::count_at;
use crate::provider::http::sieve::{Sieve, SieveError};
use crate::provider::price::ImageTokens;
use crate::usage::TokenUsage;

/// Longest JSON around the pictures, in bytes.
const MAX_REST: usize = 1024 * 1024;
/// Most pictures of one answer.
const MAX_PICTURES: usize = 64;

/// Why an answer is not understood.
#[derive(Debug)]
pub(super) enum Trouble {
    Sieve(SieveError),
    /// More bytes than allowed.
    TooLarge,
    Json(serde_json::Error),
    Empty,
}

impl From<SieveError> for Trouble {
    fn from(error: SieveError) -> Self {
        Self::Sieve(error)
    }
}

impl Trouble {
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Sieve(SieveError::NotBase64) => "a picture is not base64",
            Self::Sieve(SieveError::Cut) => "the answer ends in its middle",
            Self::Sieve(SieveError::TooLong) | Self::TooLarge => "the answer is too large",
            Self::Json(_) => "the answer is not one of the images endpoint",
            Self::Empty => "the answer has no pictures",
        }
    }
}

/// Gathers the pictures of one answer, already decoded.
#[derive(Debug)]
pub(super) struct Pictures {
    sieve: Sieve,
    found: Vec<Vec<u8>>,
    left: usize,
}

/// What an answer holds.
#[derive(Debug)]
pub(super) struct Gallery {
    pub(super) images: Vec<MediaContent>,
    pub(super) usage: Option<TokenUsage>,
    pub(super) image_tokens: ImageTokens,
    pub(super) error: Option<Value>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Vec<Picture>>,
    #[serde(default)]
    output_format: Option<String>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Picture {
    /// The number of the picture, put here by the sieve.
    #[serde(default)]
    b64_json: Option<usize>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    revised_prompt: Option<String>,
}

impl Pictures {
    /// Pictures of together at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            sieve: Sieve::new("b64_json", MAX_REST),
            found: Vec::new(),
            left: limit,
        }
    }

    pub(super) fn push(&mut self, piece: &[u8]) -> Result<(), Trouble> {
        let (found, left) = (&mut self.found, &mut self.left);
        self.sieve.push(piece, |at, bytes| {
            *left = left.checked_sub(bytes.len()).ok_or(Trouble::TooLarge)?;
            if at >= MAX_PICTURES {
                return Err(Trouble::TooLarge);
            }
            if found.len() <= at {
                found.resize(at + 1, Vec::new());
            }
            found[at].extend_from_slice(bytes);
            Ok(())
        })
    }

    pub(super) fn finish(self, asked: &Mime) -> Result<Gallery, Trouble> {
        let rest = self.sieve.finish()?;
        let answer: Answer = serde_json::from_slice(&rest).map_err(Trouble::Json)?;
        let declared = answer
            .output_format
            .as_deref()
            .and_then(Mime::from_extension)
            .unwrap_or_else(|| asked.clone());
        let mut found: Vec<Option<Bytes>> = self
            .found
            .into_iter()
            .map(|bytes| Some(Bytes::from(bytes)))
            .collect();
        let images: Vec<MediaContent> = answer
            .data
            .into_iter()
            .flatten()
            .filter_map(|picture| {
                let bytes = picture
                    .b64_json
                    .and_then(|at| found.get_mut(at)?.take())
                    .filter(|bytes| !bytes.is_empty());
                let content = match (bytes, picture.url) {
                    (Some(bytes), _) => {
                        let mime = sniff(&bytes).unwrap_or_else(|| declared.clone());
                        MediaContent::from_bytes(mime, bytes)
                    }
                    (None, Some(url)) => {
                        MediaContent::from_url(declared.clone(), MediaUrl::new(url).ok()?)
                    }
                    (None, None) => return None,
                };
                Some(match picture.revised_prompt {
                    Some(words) if !words.is_empty() => content.with_caption(words),
                    _ => content,
                })
            })
            .collect();
        let error = answer.error.filter(|error| !error.is_null());
        if images.is_empty() && error.is_none() {
            return Err(Trouble::Empty);
        }
        let made = images.len() as u64;
        let count = |pointer| count_at(answer.usage.as_ref()?, pointer);
        let (input, output) = (count("/input_tokens"), count("/output_tokens"));
        let cached = count("/input_tokens_details/cached_tokens").unwrap_or_default();
        Ok(Gallery {
            images,
            usage: input.or(output).map(|_| {
                TokenUsage::new(input.unwrap_or_default(), output.unwrap_or_default())
                    .with_cached_input_tokens(cached)
                    .with_images(made)
            }),
            image_tokens: ImageTokens {
                input: count("/input_tokens_details/image_tokens").unwrap_or_default(),
                // Without a split, what an image model puts out is pictures.
                output: count("/output_tokens_details/image_tokens")
                    .or(output)
                    .unwrap_or_default(),
            },
            error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Gallery, Trouble> {
        let mut pictures = Pictures::new(1000);
        for piece in text.as_bytes().chunks(7) {
            pictures.push(piece)?;
        }
        pictures.finish(&Mime::IMAGE_PNG)
    }

    #[test]
    fn pictures_come_as_bytes_or_addresses() {
        let gallery = read(
            r#"{"created":1,"output_format":"webp","data":[
                {"b64_json":"iVBORw0KGgo=","revised_prompt":"a cat"},
                {"b64_json":"AAAA"},
                {"url":"https://h/a.png?sig=1"},
                {"b64_json":""}],
               "usage":{"total_tokens":30,"input_tokens":10,"output_tokens":20,"input_tokens_details":{"text_tokens":8,"image_tokens":2}}}"#,
        )
        .unwrap();
        let mimes: Vec<&str> = gallery.images.iter().map(|i| i.mime().as_str()).collect();
        assert_eq!(mimes, ["image/png", "image/webp", "image/webp"]);
        assert_eq!(gallery.images[0].caption(), Some("a cat"));
        let usage = gallery.usage.unwrap();
        assert_eq!(
            (usage.input_tokens, usage.output_tokens, usage.images),
            (10, 20, 3)
        );
        assert_eq!(
            gallery.image_tokens,
            ImageTokens {
                input: 2,
                output: 20
            }
        );
    }

    #[test]
    fn what_a_server_has_nothing_to_say_about_may_be_null() {
        let pictures = r#""data":[{"b64_json":"iVBORw0KGgo=","url":null}]"#;
        for (usage, tokens) in [
            ("null", None),
            (r#"{"input_tokens":null,"output_tokens":null}"#, None),
            (
                r#"{"input_tokens":1.0,"output_tokens":20,"input_tokens_details":null,"output_tokens_details":{"image_tokens":null}}"#,
                Some((1, 20)),
            ),
        ] {
            let gallery = read(&format!(r#"{{{pictures},"usage":{usage}}}"#)).unwrap();
            assert_eq!(gallery.images.len(), 1);
            let found = gallery.usage.map(|u| (u.input_tokens, u.output_tokens));
            assert_eq!(found, tokens, "{usage}");
            let output = tokens.map_or(0, |(_, output)| output);
            assert_eq!(gallery.image_tokens, ImageTokens { input: 0, output });
        }
        let failed = read(r#"{"data":null,"error":{"message":"m"}}"#).unwrap();
        assert!(failed.error.is_some());
    }

    #[test]
    fn other_answers_are_refused() {
        for (text, words) in [
            ("", "the answer is not one of the images endpoint"),
            ("{}", "the answer has no pictures"),
            (r#"{"data":[{}]}"#, "the answer has no pictures"),
            (r#"{"data":[{"b64_json":3}]}"#, "the answer has no pictures"),
            (r#"{"data":[{"b64_json":"**"}]}"#, "a picture is not base64"),
            (
                r#"{"data":[{"b64_json":"AA"#,
                "the answer ends in its middle",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().words(), words, "{text}");
        }
        let large = format!(r#"{{"data":[{{"b64_json":"{}"}}]}}"#, "A".repeat(2000));
        assert_eq!(read(&large).unwrap_err().words(), "the answer is too large");
    }
}
