//! Media from objects in JSON.

use std::borrow::Cow;
use std::ops::Range;

use media_types::{MediaContent, MediaSource, Mime, sniff};

use super::base64_text::read_whole;
use super::data_uri;
use super::pacer::Pacer;
use super::received::ReceivedLookup;
use super::shapes::Shape;

/// From how many bytes on a type that is declared is evidence enough.
const MIN_UNTOLD: usize = 768;
/// The attribute that a provider wants back unchanged.
const PROVIDER_DATA: &str = "provider_data";
/// Longest name that is kept, in bytes.
const MAX_NAME: usize = 255;

/// Media that was found in a text, and what it stands in the place of.
#[derive(Debug)]
pub(super) struct FoundMedia {
    pub(super) span: Range<usize>,
    pub(super) content: MediaContent,
    /// Whether it is a content object of this workspace.
    pub(super) is_content: bool,
}

/// Reads the media of an object; `None` where its strings are not what they seemed.
///
/// Of sources only inline bytes count, and media that this turn has received: other references, files
/// and addresses are words of a tool, which are no permission to read or send what they name.
pub(super) async fn read(
    text: &str,
    shape: &Shape,
    received: &dyn ReceivedLookup,
    pacer: &mut Pacer,
) -> Option<FoundMedia> {
    if shape.is_content {
        let json = text.get(shape.inner.clone())?;
        pacer.spend(json.len()).await;
        if let Ok(content) = serde_json::from_str::<MediaContent>(json)
            && is_held(&content, received)
            && (shape.is_told || is_confirmed(&content))
        {
            return Some(FoundMedia {
                span: shape.object.clone(),
                content: without_provider_data(content),
                // Under a key of another program it is that program's.
                is_content: shape.object == shape.inner,
            });
        }
    }
    let payload = unescape(text, &shape.payload)?;
    let (uri_mime, from) = data_uri::whole(&payload).unwrap_or((None, 0));
    let base64 = payload.as_bytes().get(from..)?;
    let bytes = read_whole(base64)?
        .decode_exactly(pacer)
        .await
        .filter(|b| !b.is_empty())?;
    let declared = shape.mime.as_ref().and_then(|span| unescape(text, span));
    let format = shape
        .format
        .as_ref()
        .and_then(|span| text.get(span.clone()));
    let mime = uri_mime
        .or_else(|| declared.and_then(|word| word.parse().ok()))
        .or_else(|| format.and_then(audio_of_format))
        .or_else(|| sniff(&bytes))
        .unwrap_or(Mime::OCTET_STREAM);
    let mut content = MediaContent::from_bytes(mime, bytes);
    if !shape.is_told && !is_confirmed(&content) {
        return None;
    }
    let name = shape.name.as_ref().and_then(|span| unescape(text, span));
    if let Some(name) = name.as_deref().and_then(file_name) {
        content = content.with_filename(name);
    }
    Some(FoundMedia {
        span: if shape.says_more {
            shape.payload.clone()
        } else {
            shape.object.clone()
        },
        content,
        is_content: false,
    })
}

/// Whether an object brings its bytes, inline or as media that was received.
pub(super) fn is_held(content: &MediaContent, received: &dyn ReceivedLookup) -> bool {
    match content.source() {
        MediaSource::Inline(_) => true,
        MediaSource::Stored(reference) => received.find(reference).is_some(),
        _ => false,
    }
}

/// What goes back to a provider is not for a tool to say: it can name files there and stored data.
fn without_provider_data(content: MediaContent) -> MediaContent {
    if content.attribute(PROVIDER_DATA).is_none() {
        return content;
    }
    let media_type = content.media_type();
    let mut new = MediaContent::new(content.mime().clone(), content.source().clone());
    new = new.with_media_type(media_type);
    for (name, value) in content.attributes() {
        if name != PROVIDER_DATA {
            new = new.with_attribute(name.clone(), value.clone());
        }
    }
    new
}

/// Whether the bytes are of the kind that was declared, or too many to be a word.
fn is_confirmed(content: &MediaContent) -> bool {
    let Some(bytes) = content.inline() else {
        return true;
    };
    match sniff(bytes) {
        Some(found) => found.media_type() == content.media_type(),
        None => bytes.len() >= MIN_UNTOLD && *content.mime() != Mime::OCTET_STREAM,
    }
}

fn unescape<'a>(text: &'a str, span: &Range<usize>) -> Option<Cow<'a, str>> {
    let raw = text.get(span.clone())?;
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return Some(Cow::Borrowed(raw));
    }
    let quoted = text.get(span.start.checked_sub(1)?..span.end + 1)?;
    serde_json::from_str(quoted).ok().map(Cow::Owned)
}

/// OpenAI names formats of sound without the word `audio`.
fn audio_of_format(format: &str) -> Option<Mime> {
    match format {
        "wav" => Some(Mime::AUDIO_WAV),
        "mp3" => Some(Mime::AUDIO_MPEG),
        "pcm16" => Some(Mime::AUDIO_PCM),
        other if other.contains('/') => other.parse().ok(),
        other => Mime::from_extension(other),
    }
}

/// The last part of a path or address, if it can be a file's name.
fn file_name(text: &str) -> Option<&str> {
    let path = text.split(['?', '#']).next()?;
    let name = path.rsplit(['/', '\\']).next()?.trim();
    let fits = !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    fits.then_some(name)
}
