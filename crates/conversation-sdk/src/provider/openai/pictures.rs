//! The answer of the images endpoint, read while it arrives.

use media_types::{MediaContent, MediaUrl, Mime};
use serde::Deserialize;
use serde_json::Value;

use super::NAME;
use super::reply::count_at;
use crate::provider::answer::intake::{EventIntake, Form, Intake, IntakeError, Taken};
use crate::provider::answer::place::Step::{Each, Key};
use crate::provider::price::ImageTokens;
use crate::provider::{ProviderError, ProviderErrorKind as Kind};
use crate::receive::MediaReceiver;
use crate::usage::TokenUsage;

/// Longest JSON around the pictures, in bytes.
const MAX_REST: usize = 1024 * 1024;

/// Gathers the pictures of one answer, which may have so many bytes of them.
#[derive(Debug)]
pub(super) enum Pictures {
    /// One answer.
    Whole(Intake),
    /// Events: perhaps some of pictures that are not done, then one for each that is.
    Events {
        intake: EventIntake,
        done: Vec<Taken>,
    },
}

/// What an answer holds.
#[derive(Debug)]
pub(super) struct Gallery {
    pub(super) images: Vec<MediaContent>,
    pub(super) usage: Option<TokenUsage>,
    pub(super) image_tokens: ImageTokens,
    pub(super) error: Option<Value>,
}

#[derive(Default, Deserialize)]
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
    /// The number of the picture, put here by the intake. Anything else is none of ours.
    #[serde(default)]
    b64_json: Option<Value>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    revised_prompt: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(flatten)]
    picture: Picture,
    #[serde(default)]
    output_format: Option<String>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

impl Pictures {
    /// Pictures of together at most `limit` bytes in one answer.
    pub(super) fn whole(limit: usize, receiver: &MediaReceiver) -> Self {
        let places = &[&[Key("data"), Each, Key("b64_json")] as &[_]];
        Self::Whole(Intake::new(form(places, limit), receiver))
    }

    /// Pictures of together at most `limit` bytes in events.
    pub(super) fn events(limit: usize, receiver: &MediaReceiver) -> Self {
        let places = &[&[Key("b64_json")] as &[_]];
        Self::Events {
            intake: EventIntake::new(form(places, limit), receiver),
            done: Vec::new(),
        }
    }

    pub(super) async fn push(&mut self, mut piece: &[u8]) -> Result<(), ProviderError> {
        match self {
            Self::Whole(intake) => intake.push(piece).await.map_err(trouble),
            Self::Events { intake, done } => {
                while let Some(event) = intake.next(&mut piece).await.map_err(trouble)? {
                    // What is not done yet is shown to nobody, so its spool may go at once.
                    if is_of_interest(&event.json) {
                        done.push(event);
                    }
                }
                Ok(())
            }
        }
    }

    pub(super) async fn finish(self, asked: &Mime) -> Result<Gallery, ProviderError> {
        match self {
            Self::Whole(intake) => {
                let mut taken = intake.finish().map_err(trouble)?;
                let answer: Answer = parsed(&taken.json)?;
                let data = answer.data.unwrap_or_default();
                let rest = Answer {
                    data: None,
                    ..answer
                };
                let mime = declared(rest.output_format.as_deref(), asked);
                let mut images = Vec::with_capacity(data.len());
                for picture in data {
                    images.extend(content(picture, &mut taken, &mime).await?);
                }
                gallery(images, rest.usage.as_ref(), rest.error)
            }
            Self::Events { intake, done } => {
                if !intake.is_between() {
                    return Err(invalid("the answer ends in its middle"));
                }
                let (mut images, mut usage, mut error) = (Vec::new(), None, None);
                for mut taken in done {
                    let event: Event = parsed(&taken.json)?;
                    let mime = declared(event.output_format.as_deref(), asked);
                    images.extend(content(event.picture, &mut taken, &mime).await?);
                    usage = event.usage.or(usage);
                    error = event.error.or(error);
                }
                gallery(images, usage.as_ref(), error)
            }
        }
    }
}

fn form(places: &'static [&'static [crate::provider::answer::place::Step]], limit: usize) -> Form {
    Form {
        places,
        max_rest: MAX_REST,
        max_media: limit,
    }
}

/// Whether an event has a picture that is done, or an error.
fn is_of_interest(json: &[u8]) -> bool {
    let event: Option<Event> = serde_json::from_slice(json).ok();
    event.is_some_and(|event| {
        let kind = event.kind.unwrap_or_default();
        event.error.is_some() || kind.ends_with(".completed") || kind == "error"
    })
}

fn trouble(error: IntakeError) -> ProviderError {
    error.into_error(NAME)
}

fn invalid(words: &str) -> ProviderError {
    ProviderError::new(Kind::InvalidResponse, NAME).with_message(words)
}

fn parsed<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ProviderError> {
    serde_json::from_slice(json)
        .map_err(|error| invalid("the answer is not one of the images endpoint").with_source(error))
}

fn declared(output_format: Option<&str>, asked: &Mime) -> Mime {
    output_format
        .and_then(Mime::from_extension)
        .unwrap_or_else(|| asked.clone())
}

/// A picture as content; none where there is no picture in it.
async fn content(
    picture: Picture,
    taken: &mut Taken,
    declared: &Mime,
) -> Result<Option<MediaContent>, ProviderError> {
    let number = picture.b64_json.as_ref().and_then(Value::as_str);
    let incoming = number.and_then(|number| taken.media(number));
    let url = picture.url.and_then(|url| MediaUrl::new(url).ok());
    let content = match (incoming, url) {
        (Some(incoming), _) => {
            let received = incoming.finish(declared).await;
            received.map_err(|error| trouble(IntakeError::Receive(error)))?
        }
        (None, Some(url)) => MediaContent::from_url(declared.clone(), url),
        (None, None) => return Ok(None),
    };
    Ok(Some(match picture.revised_prompt {
        Some(words) if !words.is_empty() => content.with_caption(words),
        _ => content,
    }))
}

fn gallery(
    images: Vec<MediaContent>,
    usage: Option<&Value>,
    error: Option<Value>,
) -> Result<Gallery, ProviderError> {
    let error = error.filter(|error| !error.is_null());
    if images.is_empty() && error.is_none() {
        return Err(invalid("the answer has no pictures"));
    }
    let made = images.len() as u64;
    let count = |pointer| count_at(usage?, pointer);
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &str) -> Result<Gallery, ProviderError> {
        let memory = MediaReceiver::in_memory();
        let mut pictures = Pictures::whole(1000, &memory);
        for piece in text.as_bytes().chunks(7) {
            pictures.push(piece).await?;
        }
        pictures.finish(&Mime::IMAGE_PNG).await
    }

    #[tokio::test]
    async fn pictures_of_events_come_when_they_are_done() {
        let stream = "event: image_generation.partial_image\ndata: {\"type\":\"image_generation.partial_image\",\"partial_image_index\":0,\"b64_json\":\"AAAA\"}\n\n\
            event: image_generation.completed\ndata: {\"type\":\"image_generation.completed\",\"b64_json\":\"iVBORw0KGgo=\",\"output_format\":\"png\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}\n\n";
        let read = async |stream: &str, size| {
            let memory = MediaReceiver::in_memory();
            let mut pictures = Pictures::events(1000, &memory);
            for piece in stream.as_bytes().chunks(size) {
                pictures.push(piece).await?;
            }
            pictures.finish(&Mime::IMAGE_WEBP).await
        };
        for size in [1, 10, 1000] {
            let gallery = read(stream, size).await.unwrap();
            assert_eq!(gallery.images.len(), 1);
            assert_eq!(gallery.images[0].mime(), &Mime::IMAGE_PNG);
            assert_eq!(gallery.usage.unwrap().output_tokens, 2);
        }
        let cut = read(&stream[..stream.len() - 1], 10).await.unwrap_err();
        assert_eq!(cut.message(), Some("the answer ends in its middle"));
        let none = read("data: {}\n\n", 10).await.unwrap_err();
        assert_eq!(none.message(), Some("the answer has no pictures"));
        let failed = read(
            "data: {\"type\":\"error\",\"error\":{\"message\":\"m\"}}\n\n",
            10,
        )
        .await;
        assert!(failed.unwrap().error.is_some());
    }

    #[tokio::test]
    async fn pictures_come_as_bytes_or_addresses() {
        let gallery = read(
            r#"{"created":1,"output_format":"webp","data":[
                {"b64_json":"iVBORw0KGgo=","revised_prompt":"a cat"},
                {"b64_json":"AAAA"},
                {"url":"https://h/a.png?sig=1"},
                {"b64_json":""}],
               "usage":{"total_tokens":30,"input_tokens":10,"output_tokens":20,"input_tokens_details":{"text_tokens":8,"image_tokens":2}}}"#,
        )
        .await
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

    #[tokio::test]
    async fn what_a_server_has_nothing_to_say_about_may_be_null() {
        let pictures = r#""data":[{"b64_json":"iVBORw0KGgo=","url":null}]"#;
        for (usage, tokens) in [
            ("null", None),
            (r#"{"input_tokens":null,"output_tokens":null}"#, None),
            (
                r#"{"input_tokens":1.0,"output_tokens":20,"input_tokens_details":null,"output_tokens_details":{"image_tokens":null}}"#,
                Some((1, 20)),
            ),
        ] {
            let gallery = read(&format!(r#"{{{pictures},"usage":{usage}}}"#))
                .await
                .unwrap();
            assert_eq!(gallery.images.len(), 1);
            let found = gallery.usage.map(|u| (u.input_tokens, u.output_tokens));
            assert_eq!(found, tokens, "{usage}");
            let output = tokens.map_or(0, |(_, output)| output);
            assert_eq!(gallery.image_tokens, ImageTokens { input: 0, output });
        }
        let failed = read(r#"{"data":null,"error":{"message":"m"}}"#)
            .await
            .unwrap();
        assert!(failed.error.is_some());
    }

    #[tokio::test]
    async fn other_answers_are_refused() {
        for (text, words) in [
            ("", "the answer is not one of the images endpoint"),
            ("{}", "the answer has no pictures"),
            (r#"{"data":[{}]}"#, "the answer has no pictures"),
            (r#"{"data":[{"b64_json":3}]}"#, "the answer has no pictures"),
            (r#"{"data":[{"b64_json":"**"}]}"#, "media is not base64"),
            (
                r#"{"data":[{"b64_json":"AA"#,
                "the answer ends in its middle",
            ),
        ] {
            let error = read(text).await.unwrap_err();
            assert_eq!(error.message(), Some(words), "{text}");
        }
        let large = format!(r#"{{"data":[{{"b64_json":"{}"}}]}}"#, "A".repeat(2000));
        let error = read(&large).await.unwrap_err();
        assert_eq!(error.message(), Some("the answer is too large"));
    }
}
