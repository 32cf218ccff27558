//! JSON of parts.

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::borrow::Cow;
use std::fmt;

use crate::extra::ExtraFields;
use crate::json::{JsonText, RawJson};
use crate::lossy::LossyText;
use crate::omission::{OmissionReason, OmittedMedia};
use crate::opaque::{OpaqueData, ProviderData};
use crate::part::{Part, TextPart, UnknownPart};

impl Serialize for Part {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(part) => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("type", "text")?;
                map.serialize_entry("text", &part.text)?;
                if !part.provider_data.is_empty() {
                    map.serialize_entry("provider_data", &part.provider_data)?;
                }
                part.extra.serialize_into(&mut map)?;
                map.end()
            }
            Self::Media(media) => media.serialize(serializer),
            Self::Reasoning {
                text,
                opaque,
                extra,
            } => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("type", "reasoning")?;
                map.serialize_entry("text", text)?;
                if let Some((api, item)) = opaque {
                    map.serialize_entry("api", api)?;
                    map.serialize_entry("opaque", item)?;
                }
                extra.serialize_into(&mut map)?;
                map.end()
            }
            Self::Opaque { api, item, extra } => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("type", "opaque")?;
                map.serialize_entry("api", api)?;
                map.serialize_entry("item", item)?;
                extra.serialize_into(&mut map)?;
                map.end()
            }
            Self::Omitted(omitted) => omitted.serialize(serializer),
            Self::Unknown(part) => part.json().serialize(serializer),
        }
    }
}

impl Serialize for OmittedMedia {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "omitted")?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("media_type", self.media_type.as_str())?;
        map.serialize_entry("mime_type", &self.mime)?;
        if let Some(size) = self.size {
            map.serialize_entry("size", &size)?;
        }
        map.serialize_entry("reason", &self.reason)?;
        if !self.detail.is_empty() {
            map.serialize_entry("detail", &self.detail)?;
        }
        if let Some(reference) = &self.reference {
            map.serialize_entry("storage_reference", reference)?;
        }
        if let Some(caption) = &self.caption {
            map.serialize_entry("caption", caption)?;
        }
        self.extra.serialize_into(&mut map)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Part {
    /// Never fails on well-formed input: what is no part known here becomes [`Part::Unknown`].
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let JsonText(text) = JsonText::deserialize(deserializer)?;
        match read(&text) {
            Ok(part) => Ok(part),
            Err(reason) => RawJson::from_text(text)
                .map(|json| Self::Unknown(UnknownPart::new(json, reason)))
                .map_err(de::Error::custom),
        }
    }
}

fn read(json: &str) -> Result<Part, String> {
    #[derive(serde::Deserialize)]
    struct Head<'a> {
        #[serde(borrow, default)]
        r#type: Option<Cow<'a, str>>,
    }
    let head: Head<'_> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let known = matches!(
        head.r#type.as_deref(),
        Some("text" | "reasoning" | "opaque" | "omitted")
    );
    if !known {
        return serde_json::from_str(json)
            .map(Part::Media)
            .map_err(|error| error.to_string());
    }
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let fields = deserializer
        .deserialize_map(FieldsVisitor)
        .map_err(|error| error.to_string())?;
    fields.into_part(head.r#type.as_deref().unwrap_or_default())
}

/// The fields of every kind of part that is not media.
#[derive(Default)]
struct Fields {
    text: Option<String>,
    api: Option<String>,
    opaque: Option<OpaqueData>,
    item: Option<OpaqueData>,
    provider_data: Option<ProviderData>,
    name: Option<String>,
    media_type: Option<String>,
    mime: Option<media_types::Mime>,
    size: Option<u64>,
    reason: Option<OmissionReason>,
    detail: Option<String>,
    reference: Option<media_types::StorageReference>,
    caption: Option<String>,
    extra: ExtraFields,
}

impl Fields {
    fn into_part(self, kind: &str) -> Result<Part, String> {
        let missing = |field: &str| format!("{kind} part without `{field}`");
        match kind {
            "text" => Ok(Part::Text(TextPart {
                text: self.text.ok_or_else(|| missing("text"))?,
                provider_data: self.provider_data.unwrap_or_default(),
                extra: self.extra,
            })),
            "reasoning" => Ok(Part::Reasoning {
                text: self.text.unwrap_or_default(),
                opaque: match (self.api, self.opaque) {
                    (Some(api), Some(item)) => Some((api, item)),
                    (None, None) => None,
                    _ => return Err("reasoning part with only one of `api` and `opaque`".into()),
                },
                extra: self.extra,
            }),
            "opaque" => Ok(Part::Opaque {
                api: self.api.ok_or_else(|| missing("api"))?,
                item: self.item.ok_or_else(|| missing("item"))?,
                extra: self.extra,
            }),
            _ => {
                let mime = self.mime.ok_or_else(|| missing("mime_type"))?;
                let media_type = match self.media_type {
                    None => mime.media_type(),
                    Some(word) => word.parse().map_err(|_| missing("media_type"))?,
                };
                Ok(Part::Omitted(OmittedMedia {
                    name: self.name.unwrap_or_default(),
                    media_type,
                    mime,
                    size: self.size,
                    reason: self.reason.unwrap_or_default(),
                    detail: self.detail.unwrap_or_default(),
                    reference: self.reference,
                    caption: self.caption,
                    extra: self.extra,
                }))
            }
        }
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a part of a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        let mut kind = String::new();
        while let Some(LossyText(key)) = map.next_key()? {
            match (key.as_str(), kind.as_str()) {
                ("type", _) => kind = map.next_value()?,
                ("text", _) => fields.text = Some(map.next_value::<LossyText>()?.0),
                ("provider_data", _) => fields.provider_data = Some(map.next_value()?),
                ("api", _) => fields.api = Some(map.next_value()?),
                ("opaque", _) => fields.opaque = Some(map.next_value()?),
                ("item", _) => fields.item = Some(map.next_value()?),
                ("name", _) => fields.name = Some(map.next_value::<LossyText>()?.0),
                ("media_type", _) => fields.media_type = Some(map.next_value()?),
                ("mime_type", _) => fields.mime = Some(map.next_value()?),
                ("size", _) => fields.size = map.next_value()?,
                ("reason", _) => fields.reason = Some(map.next_value()?),
                ("detail", _) => fields.detail = Some(map.next_value::<LossyText>()?.0),
                ("storage_reference", _) => fields.reference = map.next_value()?,
                ("caption", _) => {
                    fields.caption = map.next_value::<Option<LossyText>>()?.map(|text| text.0)
                }
                _ => fields.extra.insert(key, map.next_value::<RawJson>()?),
            }
        }
        Ok(fields)
    }
}
