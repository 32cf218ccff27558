//! Giving messages what became of their media.

use std::collections::BTreeMap;
use std::ops::Range;

use conversation_types::{
    Message, OmittedMedia, OpaqueData, Part, ProviderData, RawJson, UnknownPart,
};
use media_types::{MediaContent, MediaSource, Mime, StorageReference};

use super::candidate::{Candidate, Site};
use super::media_kind::retyped;
use super::nested;
use super::remote;

/// What takes the place of bytes.
#[derive(Clone, Debug)]
pub(super) enum Replacement {
    /// Another source; with it a type and a file name where they were learned on the way.
    Source(MediaSource, Option<Mime>, Option<String>),
    /// A note that says why the bytes are gone.
    Omitted(Box<OmittedMedia>),
}

impl Replacement {
    /// The bytes are in a store.
    pub(super) fn stored(
        reference: StorageReference,
        mime: Option<Mime>,
        name: Option<String>,
    ) -> Self {
        Self::Source(MediaSource::Stored(reference), mime, name)
    }

    fn reference(&self) -> Option<&StorageReference> {
        match self {
            Self::Source(MediaSource::Stored(reference), ..) => Some(reference),
            _ => None,
        }
    }

    fn content(self, content: &MediaContent) -> Result<MediaContent, Box<OmittedMedia>> {
        match self {
            Self::Source(source, mime, name) => {
                let mut new = match mime {
                    Some(mime) => retyped(content, mime),
                    None => content.clone(),
                };
                if let (Some(name), None) = (name, content.filename()) {
                    new = new.with_filename(name);
                }
                let new = new.with_source(source);
                Ok(remote::with_source_url(new, content.source()))
            }
            Self::Omitted(omitted) => Err(omitted),
        }
    }
}

/// The objects of one part that are replaced inside of it.
type Nested = Vec<(Range<usize>, String)>;

/// Puts replacements in the place of candidates, in messages that have the parts of their drafts.
/// Returns the references for which there was no place.
pub(super) fn apply(
    messages: &mut [Message],
    replacements: Vec<(&Candidate, Replacement)>,
) -> Vec<StorageReference> {
    let mut unplaced = Vec::new();
    let mut nested: BTreeMap<(usize, usize), Nested> = BTreeMap::new();
    for (candidate, replacement) in replacements {
        let reference = replacement.reference().cloned();
        let is_placed = match &candidate.site {
            Site::Nested(span) => {
                let object = match replacement.content(&candidate.content) {
                    Ok(content) => serde_json::to_string(&content),
                    Err(omitted) => serde_json::to_string(&omitted),
                };
                let of_part = nested
                    .entry((candidate.message, candidate.part))
                    .or_default();
                object
                    .map(|object| of_part.push((span.clone(), object)))
                    .is_ok()
            }
            site => messages
                .get_mut(candidate.message)
                .is_some_and(|message| place(message, candidate, site, replacement)),
        };
        unplaced.extend(reference.filter(|_| !is_placed));
    }
    for ((message, part), objects) in nested {
        let part = messages
            .get_mut(message)
            .and_then(|message| message.content.get_mut(part));
        if let Some(Part::Unknown(unknown)) = part
            && let Some(json) = nested::replace(unknown.json().get(), &objects)
            && let Ok(json) = RawJson::from_text(json)
        {
            *unknown = UnknownPart::new(json, unknown.reason());
        }
    }
    unplaced
}

fn place(message: &mut Message, candidate: &Candidate, site: &Site, new: Replacement) -> bool {
    if let Site::CallData(api) = site {
        let call = message.tool_calls.get_mut(candidate.part);
        return call.is_some_and(|call| set(&mut call.provider_data, api, new));
    }
    let Some(part) = message.content.get_mut(candidate.part) else {
        return false;
    };
    match (site, &mut *part) {
        (Site::Media, Part::Media(content)) => {
            *part = match new.content(content) {
                Ok(content) => Part::Media(content),
                Err(omitted) => Part::Omitted(*omitted),
            };
            true
        }
        (Site::Opaque, Part::Reasoning { opaque, .. }) => {
            match (new.reference().cloned(), &mut *opaque) {
                (Some(reference), Some((_, data))) => *data = OpaqueData::Stored(reference),
                _ => *opaque = None,
            }
            true
        }
        (Site::Opaque, Part::Opaque { item, .. }) => {
            match new {
                Replacement::Source(MediaSource::Stored(reference), ..) => {
                    *item = OpaqueData::Stored(reference);
                }
                Replacement::Omitted(omitted) => *part = Part::Omitted(*omitted),
                Replacement::Source(..) => return false,
            }
            true
        }
        (Site::ProviderData(api), Part::Text(text)) => set(&mut text.provider_data, api, new),
        (Site::ProviderData(api), Part::Media(content)) => {
            let mut data = ProviderData::of_media(content);
            let is_set = set(&mut data, api, new);
            if let Ok(value) = serde_json::to_value(&data) {
                *content = content.clone().with_attribute("provider_data", value);
            }
            is_set
        }
        _ => false,
    }
}

/// Sets the data of a family of APIs, or removes it where it was not kept.
fn set(data: &mut ProviderData, api: &str, new: Replacement) -> bool {
    match new {
        Replacement::Source(MediaSource::Stored(reference), ..) => {
            data.insert(api, OpaqueData::Stored(reference));
            true
        }
        Replacement::Source(..) => false,
        Replacement::Omitted(_) => {
            *data = data
                .iter()
                .filter(|(name, _)| *name != api)
                .fold(ProviderData::new(), |rest, (name, data)| {
                    rest.with(name, data.clone())
                });
            true
        }
    }
}
