//! The JSON form of media content: one object with one source and any attributes.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base64;
use crate::content::MediaContent;
use crate::mime::{MediaType, Mime};
use crate::sniff::sniff;
use crate::source::MediaSource;

impl Serialize for MediaContent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", self.media_type().as_str())?;
        map.serialize_entry("mime_type", self.mime())?;
        for (name, value) in self.attributes() {
            map.serialize_entry(name, value)?;
        }
        match self.source() {
            MediaSource::Inline(bytes) => {
                map.serialize_entry("data", &base64::encode(bytes))?;
            }
            MediaSource::Stored(reference) => {
                map.serialize_entry("storage_reference", reference)?;
            }
            MediaSource::File(path) => {
                let path = path
                    .to_str()
                    .ok_or_else(|| S::Error::custom("the file path is not UTF-8"))?;
                map.serialize_entry("file_path", path)?;
            }
            MediaSource::Url(url) => map.serialize_entry("url", url)?,
            MediaSource::ProviderFile(file) => map.serialize_entry("provider_file", file)?,
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for MediaContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = MediaContent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of media content")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MediaContent, A::Error> {
        let mut media_type: Option<String> = None;
        let mut mime: Option<String> = None;
        let mut data: Option<Data> = None;
        let mut sources = Sources::default();
        let mut attributes = Map::new();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "type" => media_type = map.next_value()?,
                "mime_type" => mime = map.next_value()?,
                "data" => data = map.next_value()?,
                "storage_reference" => sources.reference = map.next_value()?,
                "file_path" => sources.file = map.next_value()?,
                "url" => sources.url = map.next_value()?,
                "provider_file" => sources.provider_file = map.next_value()?,
                _ => {
                    attributes.insert(key.into_owned(), map.next_value()?);
                }
            }
        }
        let media_type: Option<MediaType> = media_type
            .map(|word| word.parse())
            .transpose()
            .map_err(de::Error::custom)?;
        let (uri_mime, data) = data.map_or((None, None), |data| (data.mime, Some(data.bytes)));
        let source = sources.choose(data)?;
        let mime = match (mime.filter(|text| !text.is_empty()), &source) {
            (Some(text), _) => text.parse().map_err(de::Error::custom)?,
            (None, MediaSource::Inline(bytes)) => uri_mime
                .or_else(|| sniff(bytes))
                .unwrap_or(Mime::OCTET_STREAM),
            (None, _) => Mime::OCTET_STREAM,
        };
        let mut content = MediaContent::new(mime, source);
        if let Some(media_type) = media_type {
            content = content.with_media_type(media_type);
        }
        for (name, value) in attributes {
            content = content.with_attribute(name, value);
        }
        Ok(content)
    }
}

/// The sources other than inline data, unread until one is chosen.
#[derive(Default)]
struct Sources {
    reference: Option<Value>,
    file: Option<Value>,
    url: Option<Value>,
    provider_file: Option<Value>,
}

impl Sources {
    /// data > storage_reference > file_path > url > provider_file; empty data loses to any other.
    fn choose<E: de::Error>(self, data: Option<Bytes>) -> Result<MediaSource, E> {
        fn read<T: de::DeserializeOwned, E: de::Error>(field: &str, value: Value) -> Result<T, E> {
            serde_json::from_value(value)
                .map_err(|error| E::custom(format_args!("{field}: {error}")))
        }
        let set = |value: Option<Value>| value.filter(|v| !v.is_null() && v.as_str() != Some(""));
        let empty = match data {
            Some(bytes) if bytes.is_empty() => true,
            Some(bytes) => return Ok(MediaSource::Inline(bytes)),
            None => false,
        };
        if let Some(value) = set(self.reference) {
            return read("storage_reference", value).map(MediaSource::Stored);
        }
        if let Some(value) = set(self.file) {
            return read::<PathBuf, E>("file_path", value).map(MediaSource::File);
        }
        if let Some(value) = set(self.url) {
            return read("url", value).map(MediaSource::Url);
        }
        if let Some(value) = set(self.provider_file) {
            return read("provider_file", value).map(MediaSource::ProviderFile);
        }
        if empty {
            return Ok(MediaSource::Inline(Bytes::new()));
        }
        Err(E::custom(
            "media content without a source: expected data, storage_reference, file_path, url or provider_file",
        ))
    }
}

/// Inline data, decoded straight from the JSON text without a copy of the base64.
struct Data {
    mime: Option<Mime>,
    bytes: Bytes,
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DataVisitor;
        impl Visitor<'_> for DataVisitor {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Data, E> {
                let (mime, payload) = match base64::split_data_uri(text) {
                    Some(split) => split.map_err(E::custom)?,
                    None => (None, text),
                };
                let offset = (text.len() - payload.len()) as u64;
                let bytes = base64::decode(payload.as_bytes())
                    .map_err(|error| E::custom(format_args!("data: {}", error.shifted(offset))))?;
                Ok(Data {
                    mime,
                    bytes: bytes.into(),
                })
            }
        }
        deserializer.deserialize_str(DataVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<MediaContent, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn the_first_source_in_order_wins() {
        let all = r#"{"type":"image","mime_type":"image/png","data":"AAAA","storage_reference":"k.png","file_path":"f.png","url":"https://h/u.png"}"#;
        assert!(matches!(read(all).unwrap().source(), MediaSource::Inline(b) if b.len() == 3));
        let empty = all.replace("AAAA", "");
        assert!(
            matches!(read(&empty).unwrap().source(), MediaSource::Stored(r) if r.id() == "k.png")
        );
        let file = empty.replace("\"k.png\"", "null");
        assert!(matches!(
            read(&file).unwrap().source(),
            MediaSource::File(_)
        ));
        let url = file.replace("\"f.png\"", "\"\"");
        assert!(matches!(read(&url).unwrap().source(), MediaSource::Url(_)));
    }

    #[test]
    fn empty_data_alone_is_empty_media() {
        let content = read(r#"{"type":"document","mime_type":"text/plain","data":""}"#).unwrap();
        assert_eq!(content.size(), Some(0));
    }

    #[test]
    fn no_source_and_unknown_types_are_clear_errors() {
        let error = read(r#"{"type":"image","mime_type":"image/png"}"#).unwrap_err();
        assert!(error.to_string().contains("without a source"), "{error}");
        let error = read(r#"{"type":"hologram","mime_type":"x/y","data":"AA=="}"#).unwrap_err();
        assert!(error.to_string().contains("media type"), "{error}");
        let error = read(r#"{"type":"image","mime_type":"image/png","data":"AA*="}"#).unwrap_err();
        assert!(error.to_string().contains("at byte 2"), "{error}");
        let error = read(r#"{"type":"image","mime_type":"image/png","data":"data:;base64,AA*="}"#)
            .unwrap_err();
        assert!(error.to_string().contains("at byte 15"), "{error}");
    }

    #[test]
    fn a_missing_mime_type_comes_from_the_bytes() {
        let content = read(r#"{"type":"image","data":"iVBORw0KGgo="}"#).unwrap();
        assert_eq!(content.mime(), &Mime::IMAGE_PNG);
        let content = read(r#"{"data":"data:image/gif;base64,AAAA"}"#).unwrap();
        assert_eq!(content.mime(), &Mime::IMAGE_GIF);
        let content = read(r#"{"type":"image","storage_reference":"a"}"#).unwrap();
        assert_eq!(content.media_type(), MediaType::Image);
        assert_eq!(content.mime(), &Mime::OCTET_STREAM);
    }

    #[test]
    fn unknown_fields_survive() {
        let json = r#"{"type":"audio","mime_type":"audio/wav","channels":2,"x":{"y":[null,1.5]},"data":"UklGRg=="}"#;
        let content = read(json).unwrap();
        assert_eq!(serde_json::to_string(&content).unwrap(), json);
    }

    proptest! {
        #[test]
        fn content_goes_through_json_unchanged(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            caption in ".{0,20}",
            width: u32,
            seconds in 0_u32..10_000,
        ) {
            let content = MediaContent::from_bytes(Mime::AUDIO_FLAC, bytes)
                .with_caption(caption)
                .with_width(width)
                .with_duration(std::time::Duration::from_secs(seconds.into()));
            let json = serde_json::to_vec(&content).unwrap();
            prop_assert_eq!(serde_json::from_slice::<MediaContent>(&json).unwrap(), content);
        }

        #[test]
        fn arbitrary_text_never_panics(text in ".{0,80}") {
            let _ = read(&text);
            let _ = read(&format!(r#"{{"type":"image","mime_type":{text:?},"data":{text:?}}}"#));
        }
    }
}
