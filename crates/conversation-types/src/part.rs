//! Parts of messages.

use std::fmt;

use media_types::MediaContent;

use crate::extra::ExtraFields;
use crate::json::RawJson;
use crate::omission::OmittedMedia;
use crate::opaque::{OpaqueData, ProviderData};

/// One part of a message. Order matters and is kept; nothing is merged.
///
/// `Debug` prints sizes, never text or bytes.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Part {
    /// Text.
    Text(TextPart),
    /// A media item: inline, in a store, or elsewhere.
    Media(MediaContent),
    /// Reasoning of a model, with what its provider wants back.
    #[non_exhaustive]
    Reasoning {
        /// The reasoning that may be shown; empty where the provider keeps it to itself.
        text: String,
        /// The family of APIs and the item that goes back to it verbatim. `None` where it never
        /// arrived in full; such reasoning is kept and not sent.
        opaque: Option<(String, OpaqueData)>,
        /// Fields that this version does not know.
        extra: ExtraFields,
    },
    /// An item that only one family of APIs understands: sent back to it verbatim, left out for
    /// others.
    #[non_exhaustive]
    Opaque {
        /// The family of APIs: `openai`, `anthropic`, `gemini`.
        api: String,
        /// The item.
        item: OpaqueData,
        /// Fields that this version does not know.
        extra: ExtraFields,
    },
    /// A media item whose bytes were not kept, with the reason.
    Omitted(OmittedMedia),
    /// JSON that is no part known to this version; kept byte for byte, never sent.
    Unknown(UnknownPart),
}

/// Text with what belongs to it.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct TextPart {
    /// The text.
    pub text: String,
    /// Data that providers want back with the text.
    pub provider_data: ProviderData,
    /// Fields that this version does not know.
    pub extra: ExtraFields,
}

impl TextPart {
    /// Creates a part of text alone.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Sets the data that providers want back with the text. Defaults to none.
    #[must_use]
    pub fn with_provider_data(mut self, data: ProviderData) -> Self {
        self.provider_data = data;
        self
    }
}

/// A piece of stored history that is no part known to this version.
#[derive(Clone, PartialEq, Eq)]
pub struct UnknownPart {
    json: RawJson,
    reason: String,
}

impl UnknownPart {
    /// Creates a part of JSON and the reason for which it is not understood.
    pub fn new(json: RawJson, reason: impl Into<String>) -> Self {
        Self {
            json,
            reason: reason.into(),
        }
    }

    /// Returns the JSON.
    pub fn json(&self) -> &RawJson {
        &self.json
    }

    /// Returns the reason for which the JSON is not understood. It may quote the JSON.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl Part {
    /// Creates a part of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextPart::new(text))
    }

    /// Creates a part of reasoning. `opaque` is the family of APIs and the item that goes back to
    /// it verbatim.
    pub fn reasoning(text: impl Into<String>, opaque: Option<(String, OpaqueData)>) -> Self {
        Self::Reasoning {
            text: text.into(),
            opaque,
            extra: ExtraFields::default(),
        }
    }

    /// Creates a part that only one family of APIs understands.
    pub fn opaque(api: impl Into<String>, item: impl Into<OpaqueData>) -> Self {
        Self::Opaque {
            api: api.into(),
            item: item.into(),
            extra: ExtraFields::default(),
        }
    }

    /// Returns the text, if this is a text part.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(part) => Some(&part.text),
            _ => None,
        }
    }

    /// Returns the media item, if this is one.
    pub fn as_media(&self) -> Option<&MediaContent> {
        match self {
            Self::Media(media) => Some(media),
            _ => None,
        }
    }

    /// Returns the media item to change, if this is one.
    pub fn as_media_mut(&mut self) -> Option<&mut MediaContent> {
        match self {
            Self::Media(media) => Some(media),
            _ => None,
        }
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<TextPart> for Part {
    fn from(part: TextPart) -> Self {
        Self::Text(part)
    }
}

impl From<MediaContent> for Part {
    fn from(media: MediaContent) -> Self {
        Self::Media(media)
    }
}

impl From<OmittedMedia> for Part {
    fn from(omitted: OmittedMedia) -> Self {
        Self::Omitted(omitted)
    }
}

impl fmt::Debug for TextPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextPart({} bytes)", self.text.len())
    }
}

impl fmt::Debug for UnknownPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnknownPart({} bytes)", self.json.get().len())
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(part) => write!(f, "Text({} bytes)", part.text.len()),
            Self::Media(media) => media.fmt(f),
            Self::Reasoning { text, opaque, .. } => f
                .debug_struct("Reasoning")
                .field("text", &format_args!("{} bytes", text.len()))
                .field("api", &opaque.as_ref().map(|(api, _)| api))
                .finish_non_exhaustive(),
            Self::Opaque { api, item, .. } => f
                .debug_struct("Opaque")
                .field("api", api)
                .field("item", item)
                .finish_non_exhaustive(),
            Self::Omitted(omitted) => omitted.fmt(f),
            Self::Unknown(part) => part.fmt(f),
        }
    }
}
