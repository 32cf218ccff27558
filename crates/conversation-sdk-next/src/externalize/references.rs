//! The references that a message holds.

use conversation_types::{Message, OpaqueData, Part, ProviderData};
use media_types::{MediaContent, StorageReference};

use super::nested::ContentObjects;

/// Shows every reference of a message: of its media, also of omitted media and of media inside
/// parts that are not understood, and of opaque data. Work is linear in the size of the message.
pub(crate) fn references_of(message: &Message, visit: &mut dyn FnMut(&StorageReference)) {
    for part in &message.content {
        of_part(part, visit);
    }
    for call in &message.tool_calls {
        of_provider_data(&call.provider_data, visit);
    }
}

/// Shows every reference of a part.
pub(super) fn of_part(part: &Part, visit: &mut dyn FnMut(&StorageReference)) {
    match part {
        Part::Media(content) => of_media(content, visit),
        Part::Omitted(omitted) => omitted.reference.iter().for_each(visit),
        Part::Text(text) => of_provider_data(&text.provider_data, visit),
        Part::Reasoning {
            opaque: Some((_, data)),
            ..
        }
        | Part::Opaque { item: data, .. } => data.reference().into_iter().for_each(visit),
        Part::Unknown(unknown) => {
            for content in nested_media(unknown.json().get()) {
                of_media(&content, visit);
            }
        }
        _ => {}
    }
}

/// Returns the content objects in JSON that is not understood.
pub(super) fn nested_media(json: &str) -> Vec<MediaContent> {
    if memchr::memmem::find(json.as_bytes(), b"\"mime_type\"").is_none() {
        return Vec::new();
    }
    let mut objects = ContentObjects::new(json);
    // One step reads to the end of the value, or to where it turns out to be none.
    objects.advance(usize::MAX);
    objects
        .finish()
        .into_iter()
        .map(|(_, content)| content)
        .collect()
}

fn of_media(content: &MediaContent, visit: &mut dyn FnMut(&StorageReference)) {
    content.reference().into_iter().for_each(&mut *visit);
    of_provider_data(&ProviderData::of_media(content), visit);
}

fn of_provider_data(data: &ProviderData, visit: &mut dyn FnMut(&StorageReference)) {
    data.iter()
        .filter_map(|(_, data): (_, &OpaqueData)| data.reference())
        .for_each(visit);
}
