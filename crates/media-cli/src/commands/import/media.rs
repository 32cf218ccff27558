//! Media in the shapes that programs write it in.

use media_types::{Detail, MediaContent, MediaUrl, Mime, sniff};
use serde_json::Value;

use super::foreign::text_of;

const TYPE_KEYS: [&str; 4] = ["mime_type", "mimeType", "media_type", "mediaType"];

/// Reads media out of an object; `None` where it has no shape of media.
pub(super) fn media(value: &Value) -> Option<MediaContent> {
    let inner = |keys: &[&str]| keys.iter().find_map(|key| value.get(*key));
    let mime = type_of(value);
    let found = if let Some(source) = inner(&["source"]).filter(|source| source.is_object()) {
        by_source(value, source)
    } else if let Some(data) = inner(&["inline_data", "inlineData"]) {
        base64(text_of(data, &["data"])?, type_of(data))
    } else if let Some(data) = inner(&["file_data", "fileData"]).filter(|data| data.is_object()) {
        url(text_of(data, &["file_uri", "fileUri"])?, type_of(data))
    } else if let Some(audio) = inner(&["input_audio"]) {
        let format = text_of(audio, &["format"]).and_then(Mime::from_extension);
        base64(text_of(audio, &["data"])?, format)
    } else if let Some(file) = inner(&["file"]).filter(|file| file.is_object()) {
        named_file(file)
    } else if let Some(image) = inner(&["image_url"]) {
        let address = image.as_str().or_else(|| text_of(image, &["url"]))?;
        url(address, mime)
    } else if let Some(media) = inner(&["media"]).filter(|media| media.is_object()) {
        return self::media(media);
    } else if text_of(value, &["file_data"]).is_some() {
        named_file(value)
    } else if let Some(data) = text_of(value, &["base64", "data", "blob"]) {
        match mime.is_some() || is_media_type(value) {
            true => base64(data, mime),
            false => None,
        }
    } else {
        url(text_of(value, &["url"])?, mime)
    };
    let detail = text_of(value, &["detail"]).or_else(|| {
        value
            .get("image_url")
            .and_then(|url| text_of(url, &["detail"]))
    });
    found.map(|content| match detail {
        Some("low") => content.with_detail(Detail::Low),
        Some("high") => content.with_detail(Detail::High),
        _ => content,
    })
}

/// Media that a string holds: a `data:` URI or an address.
pub(super) fn url(text: &str, mime: Option<Mime>) -> Option<MediaContent> {
    let is_data = text
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    if is_data {
        return MediaContent::from_data_uri(text).ok();
    }
    let url = MediaUrl::new(text).ok()?;
    let by_name = || {
        let name = text.split(['?', '#']).next()?;
        Mime::from_extension(name.rsplit_once('.')?.1)
    };
    let mime = mime.or_else(by_name).unwrap_or(Mime::IMAGE_PNG);
    Some(MediaContent::from_url(mime, url))
}

/// Media in base64, with the type that is named, or else the one that its bytes show.
pub(super) fn base64(text: &str, mime: Option<Mime>) -> Option<MediaContent> {
    let named = mime.is_some();
    let content = MediaContent::from_base64(mime.unwrap_or(Mime::OCTET_STREAM), text).ok()?;
    match content.inline() {
        Some(bytes) if !named => Some(of_bytes(bytes.clone(), None)),
        _ => Some(content),
    }
}

/// Media of these bytes.
pub(super) fn of_bytes(bytes: bytes::Bytes, mime: Option<Mime>) -> MediaContent {
    let mime = mime.or_else(|| sniff(&bytes)).unwrap_or(Mime::OCTET_STREAM);
    MediaContent::from_bytes(mime, bytes)
}

/// The type that is named beside media.
pub(super) fn type_of(value: &Value) -> Option<Mime> {
    let text = text_of(value, &TYPE_KEYS)?;
    text.parse().ok().or_else(|| Mime::from_extension(text))
}

/// Media of a block of Anthropic's.
fn by_source(block: &Value, source: &Value) -> Option<MediaContent> {
    let is_document = text_of(block, &["type"]) == Some("document");
    let content = match text_of(source, &["type"]) {
        Some("base64") => base64(text_of(source, &["data"])?, type_of(source))?,
        Some("url") => url(text_of(source, &["url"])?, type_of(source))?,
        Some("text") if is_document => {
            let text = text_of(source, &["data"])?.to_owned();
            let plain = || "text/plain".parse().ok();
            of_bytes(text.into(), type_of(source).or_else(plain))
        }
        // Files of the provider too: a message may not name them.
        _ => return None,
    };
    Some(match text_of(block, &["title"]) {
        Some(title) => content.with_filename(title),
        None => content,
    })
}

/// A file with its name beside it.
fn named_file(file: &Value) -> Option<MediaContent> {
    let data = text_of(file, &["file_data"])?;
    let content = url(data, None).or_else(|| base64(data, type_of(file)))?;
    Some(match text_of(file, &["filename"]) {
        Some(name) => content.with_filename(name),
        None => content,
    })
}

/// Whether the word for its kind says that an object is media.
fn is_media_type(value: &Value) -> bool {
    let is_media = |word: &str| matches!(word, "image" | "audio" | "video" | "file" | "media");
    text_of(value, &["type"]).is_some_and(is_media)
        || text_of(value, &["source_type"]) == Some("base64")
}

#[cfg(test)]
mod tests {
    use super::*;
    use media_types::base64::encode;
    use serde_json::json;

    #[test]
    fn media_is_read_in_every_shape() {
        let bytes = b"\x89PNG\r\n\x1a\n............";
        let (data, uri) = (
            encode(bytes),
            format!("data:image/png;base64,{}", encode(bytes)),
        );
        for value in [
            json!({"type": "image_url", "image_url": {"url": uri, "detail": "low"}}),
            json!({"type": "input_image", "image_url": uri}),
            json!({"type": "file", "file": {"file_data": uri, "filename": "a.png"}}),
            json!({"type": "input_file", "file_data": uri, "filename": "a.png"}),
            json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}),
            json!({"inlineData": {"mimeType": "image/png", "data": data}}),
            json!({"inline_data": {"mime_type": "image/png", "data": data.trim_end_matches('=')}}),
            json!({"type": "image", "base64": data, "mime_type": "image/png"}),
            json!({"type": "image", "source_type": "base64", "data": data}),
            json!({"type": "image", "media": {"data": data, "mime_type": "image/png"}}),
            json!({"type": "file", "mediaType": "image/png", "url": uri}),
        ] {
            let content = media(&value).unwrap_or_else(|| panic!("{value}"));
            assert_eq!(
                content.inline().map(|inline| &inline[..]),
                Some(&bytes[..]),
                "{value}"
            );
            assert_eq!(content.mime(), &Mime::IMAGE_PNG, "{value}");
        }
        let content = media(&json!({"image_url": {"url": "https://example.com/a.jpg?x=1"}}));
        assert_eq!(
            content.map(|content| content.mime().clone()),
            Some(Mime::IMAGE_JPEG)
        );
        for value in [
            json!({"type": "text", "text": "words"}),
            json!({"source": {"type": "text", "data": "words", "media_type": "text/plain"}}),
            json!({"data": "AAAABBBB"}),
            json!({"image_url": "no address"}),
        ] {
            assert_eq!(media(&value), None, "{value}");
        }
    }
}
