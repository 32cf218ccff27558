//! Data that a provider wants back unchanged.

use std::collections::BTreeMap;

use media_types::{MediaContent, StorageReference};
use serde::{Deserialize, Serialize};

use crate::json::RawJson;

/// The attribute of media under which its provider data is kept.
const ATTRIBUTE: &str = "provider_data";

/// A provider's data that is sent back verbatim to APIs of the same family and to no others.
///
/// Large data (signatures of megabytes exist) is moved to the media store like media.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OpaqueData {
    /// The data itself, with its exact text.
    #[serde(rename = "json")]
    Json(RawJson),
    /// A reference to the exact text in a media store.
    #[serde(rename = "storage_reference")]
    Stored(StorageReference),
}

impl OpaqueData {
    /// Returns the data, unless it is in a store.
    pub fn json(&self) -> Option<&RawJson> {
        match self {
            Self::Json(json) => Some(json),
            Self::Stored(_) => None,
        }
    }

    /// Returns the reference, if the data is in a store.
    pub fn reference(&self) -> Option<&StorageReference> {
        match self {
            Self::Json(_) => None,
            Self::Stored(reference) => Some(reference),
        }
    }
}

impl From<RawJson> for OpaqueData {
    fn from(json: RawJson) -> Self {
        Self::Json(json)
    }
}

/// Data of providers that belongs to one part or tool call, by the family of APIs (`openai`,
/// `anthropic`, `gemini`): Gemini's thought signatures, for example.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderData(BTreeMap<String, OpaqueData>);

impl ProviderData {
    /// Creates an empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the data of a family of APIs.
    #[must_use]
    pub fn with(mut self, api: impl Into<String>, data: impl Into<OpaqueData>) -> Self {
        self.insert(api, data);
        self
    }

    /// Sets the data of a family of APIs.
    pub fn insert(&mut self, api: impl Into<String>, data: impl Into<OpaqueData>) {
        self.0.insert(api.into(), data.into());
    }

    /// Returns the data of a family of APIs.
    pub fn get(&self, api: &str) -> Option<&OpaqueData> {
        self.0.get(api)
    }

    /// Returns whether there is no data.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over families and their data.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OpaqueData)> {
        self.0.iter().map(|(api, data)| (api.as_str(), data))
    }

    /// Iterates over families and their data, which can be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut OpaqueData)> {
        self.0.iter_mut().map(|(api, data)| (api.as_str(), data))
    }

    /// Returns the provider data of a media item.
    pub fn of_media(media: &MediaContent) -> Self {
        media
            .attribute(ATTRIBUTE)
            .and_then(|value| Self::deserialize(value).ok())
            .unwrap_or_default()
    }

    /// Returns the media item with this provider data; unchanged where there is none.
    #[must_use]
    pub fn attach_to(&self, media: MediaContent) -> MediaContent {
        match serde_json::to_value(self) {
            Ok(value) if !self.is_empty() => media.with_attribute(ATTRIBUTE, value),
            _ => media,
        }
    }
}
