//! Answers of the images endpoint, read while they arrive.

use conversation_types::TokenUsage;
use media_types::{MediaContent, MediaUrl, Mime};
use serde::Deserialize;
use serde_json::Value;

use super::super::names::NAME;
use super::super::usage::count_at;
use crate::answer::Step::{Each, Key};
use crate::answer::{DecodeError, DecodeLimits, Decoded, EventDecoder, JsonPath, ResponseDecoder};
use crate::error::{ProviderError, ProviderErrorKind as Kind};
use crate::image::PreviewReport;
use crate::partial_image::PartialImage;
use crate::price::ImageTokens;
use crate::sink::MediaSink;

/// Longest JSON around the images, in bytes.
const MAX_JSON: usize = 1024 * 1024;

/// Reads the images of one answer.
#[derive(Debug)]
pub(super) enum ImagesResponseReader {
    /// A complete answer.
    Complete(ResponseDecoder),
    /// Events: perhaps some with partial images, then one for each image.
    Events {
        decoder: Box<EventDecoder>,
        done: Vec<Decoded>,
        previews: Option<PreviewReport>,
    },
}

/// The images of an answer.
#[derive(Debug)]
pub(super) struct ImagesResponse {
    pub(super) images: Vec<MediaContent>,
    pub(super) usage: Option<TokenUsage>,
    pub(super) image_tokens: ImageTokens,
    /// The error that the server put into its answer.
    pub(super) error: Option<Value>,
    /// What ended the answer before all of it had come.
    pub(super) ended: Option<ProviderError>,
}

#[derive(Default, Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Vec<Image>>,
    #[serde(default)]
    output_format: Option<String>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Image {
    /// The number of the image, put here by the decoder. Anything else is ignored.
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
    image: Image,
    #[serde(default)]
    output_format: Option<String>,
    #[serde(default)]
    partial_image_index: Option<u32>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

impl ImagesResponseReader {
    /// Creates a reader of a complete answer, with at most `limit` bytes of images.
    pub(super) fn complete(limit: usize, sink: &MediaSink) -> Self {
        let paths = &[&[Key("data"), Each, Key("b64_json")] as &[_]];
        Self::Complete(ResponseDecoder::new(limits(paths, limit), sink))
    }

    /// Creates a reader of events, with at most `limit` bytes of images.
    pub(super) fn events(limit: usize, sink: &MediaSink, previews: Option<PreviewReport>) -> Self {
        let paths = &[&[Key("b64_json")] as &[_]];
        Self::Events {
            decoder: Box::new(EventDecoder::new(limits(paths, limit), sink)),
            done: Vec::new(),
            previews,
        }
    }

    pub(super) async fn push(&mut self, mut chunk: &[u8]) -> Result<(), ProviderError> {
        match self {
            Self::Complete(decoder) => decoder.push(chunk).await.map_err(decode_error),
            Self::Events {
                decoder,
                done,
                previews,
            } => {
                while let Some(event) = decoder.next(&mut chunk).await.map_err(decode_error)? {
                    if matches!(event.json.trim_ascii(), b"" | b"[DONE]") {
                        continue;
                    }
                    if is_of_interest(&event.json)? {
                        done.push(event);
                    } else if let Some(report) = previews
                        && let Some(preview) = preview(event).await?
                    {
                        report.report(preview);
                    }
                }
                Ok(())
            }
        }
    }

    /// Returns whether this number of images has come; only events say so before the response ends.
    pub(super) fn is_complete(&self, images: u32) -> bool {
        matches!(self, Self::Events { decoder, done, .. }
            if decoder.is_between_events() && done.len() >= images as usize)
    }

    /// Returns the images that have come, of `count` that were asked for; `ended` is what ended the
    /// answer before its end, if anything did. Of events, those are images that are complete.
    ///
    /// # Errors
    /// `ended`, or `Interrupted` where it is none and the events ended too early, where no image has
    /// come; `InvalidResponse`; `Spool`.
    pub(super) async fn finish(
        self,
        asked: &Mime,
        count: u32,
        ended: Option<ProviderError>,
    ) -> Result<ImagesResponse, ProviderError> {
        match self {
            Self::Complete(decoder) => {
                if let Some(ended) = ended {
                    return Err(ended);
                }
                let mut decoded = decoder.finish().map_err(decode_error)?;
                let answer: Answer = parse(&decoded.json)?;
                let data = answer.data.unwrap_or_default();
                let rest = Answer {
                    data: None,
                    ..answer
                };
                let mime = declared(rest.output_format.as_deref(), asked);
                let mut images = Vec::with_capacity(data.len());
                for image in data {
                    images.extend(content(image, &mut decoded, &mime).await?);
                }
                response(images, rest.usage.as_ref(), rest.error)
            }
            Self::Events { decoder, done, .. } => {
                let (mut images, mut usage, mut error) = (Vec::new(), None, None);
                for mut decoded in done {
                    let event: Event = parse(&decoded.json)?;
                    let mime = declared(event.output_format.as_deref(), asked);
                    images.extend(content(event.image, &mut decoded, &mime).await?);
                    usage = event.usage.or(usage);
                    error = event.error.or(error);
                }
                let is_whole = decoder.is_between_events() && images.len() >= count as usize;
                let ended = match ended {
                    None if !is_whole && error.is_none() => {
                        Some(ProviderError::new(Kind::Interrupted, NAME))
                    }
                    ended => ended,
                };
                match ended {
                    Some(ended) if images.is_empty() && error.is_none() => Err(ended),
                    ended => {
                        let response = response(images, usage.as_ref(), error)?;
                        Ok(ImagesResponse { ended, ..response })
                    }
                }
            }
        }
    }
}

fn limits(paths: &'static [JsonPath], limit: usize) -> DecodeLimits {
    DecodeLimits {
        paths,
        max_json: MAX_JSON,
        max_media: limit,
    }
}

/// Whether an event has a complete image, or an error.
///
/// # Errors
/// `InvalidResponse` for what is no event.
fn is_of_interest(json: &[u8]) -> Result<bool, ProviderError> {
    let event: Event = parse(json)?;
    let kind = event.kind.unwrap_or_default();
    Ok(event.error.is_some() || kind.ends_with(".completed") || kind == "error")
}

/// The preview of an event, if it has one.
async fn preview(mut decoded: Decoded) -> Result<Option<PartialImage>, ProviderError> {
    let Ok(event) = serde_json::from_slice::<Event>(&decoded.json) else {
        return Ok(None);
    };
    let is_preview = event
        .kind
        .is_some_and(|kind| kind.ends_with(".partial_image"));
    let number = event.image.b64_json.as_ref().and_then(Value::as_str);
    let writer = number.and_then(|number| decoded.take_media(number));
    let Some(writer) = writer.filter(|_| is_preview) else {
        return Ok(None);
    };
    let mime = declared(event.output_format.as_deref(), &Mime::IMAGE_PNG);
    let read = writer.finish_unkept(&mime, PartialImage::MAX_BYTES).await;
    let read = read.map_err(|error| decode_error(DecodeError::Sink(error)))?;
    let index = event.partial_image_index.unwrap_or_default();
    Ok(read.map(|(mime, bytes)| PartialImage::new("", index, mime, bytes)))
}

fn decode_error(error: DecodeError) -> ProviderError {
    error.into_error(NAME)
}

fn invalid(reason: &'static str) -> ProviderError {
    ProviderError::new(Kind::InvalidResponse, NAME).with_reason(reason)
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, ProviderError> {
    serde_json::from_slice(json).map_err(|error| {
        invalid("the response is not one of the images endpoint").with_source(error)
    })
}

fn declared(output_format: Option<&str>, asked: &Mime) -> Mime {
    output_format
        .and_then(Mime::from_extension)
        .unwrap_or_else(|| asked.clone())
}

/// An image as content; `None` where there is none.
async fn content(
    image: Image,
    decoded: &mut Decoded,
    declared: &Mime,
) -> Result<Option<MediaContent>, ProviderError> {
    let number = image.b64_json.as_ref().and_then(Value::as_str);
    let writer = number.and_then(|number| decoded.take_media(number));
    let url = image.url.and_then(|url| MediaUrl::new(url).ok());
    let content = match (writer, url) {
        (Some(writer), _) => {
            let received = writer.finish(declared).await;
            received.map_err(|error| decode_error(DecodeError::Sink(error)))?
        }
        (None, Some(url)) => MediaContent::from_url(declared.clone(), url),
        (None, None) => return Ok(None),
    };
    Ok(Some(match image.revised_prompt {
        Some(prompt) if !prompt.is_empty() => content.with_caption(prompt),
        _ => content,
    }))
}

fn response(
    images: Vec<MediaContent>,
    usage: Option<&Value>,
    error: Option<Value>,
) -> Result<ImagesResponse, ProviderError> {
    let error = error.filter(|error| !error.is_null());
    if images.is_empty() && error.is_none() {
        return Err(invalid("the response has no images"));
    }
    let made = images.len() as u64;
    let count = |pointer| count_at(usage?, pointer);
    let (input, output) = (count("/input_tokens"), count("/output_tokens"));
    let cached = count("/input_tokens_details/cached_tokens").unwrap_or_default();
    Ok(ImagesResponse {
        images,
        usage: input.or(output).map(|_| {
            TokenUsage::new(input.unwrap_or_default(), output.unwrap_or_default())
                .with_cached_input_tokens(cached)
                .with_images(made)
        }),
        image_tokens: ImageTokens {
            input: count("/input_tokens_details/image_tokens").unwrap_or_default(),
            // Without a split, what an image model puts out is images.
            output: count("/output_tokens_details/image_tokens")
                .or(output)
                .unwrap_or_default(),
        },
        error,
        ended: None,
    })
}

#[cfg(test)]
mod tests;
