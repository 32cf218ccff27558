//! The place of a tool call among the parts of its message.
//!
//! Messages hold calls apart from their parts, which is enough where calls come last. Some APIs
//! refuse an answer whose reasoning and calls come back in another order. There an opaque part
//! stands in the place of each call that parts follow.

#[cfg(feature = "http-client")]
use conversation_types::Part;
use conversation_types::RawJson;
use serde::{Deserialize, Serialize};

const KIND: &str = "tool_call_position";
/// Longest text of a marker: ids are short, other items need not be read.
const MAX_LEN: usize = 1024;

#[derive(Serialize, Deserialize)]
struct Marker {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

/// Returns the part that stands in the place of a call.
#[cfg(feature = "http-client")]
pub(crate) fn call_marker(family: &str, id: &str) -> Option<Part> {
    let marker = Marker {
        kind: KIND.to_owned(),
        id: id.to_owned(),
    };
    let json = serde_json::to_string(&marker).ok()?;
    let json = RawJson::from_text(json).ok()?;
    Some(Part::opaque(family, json))
}

/// Returns the id of the call in whose place an item stands.
pub(super) fn marked_call(item: &RawJson) -> Option<String> {
    if item.get().len() > MAX_LEN {
        return None;
    }
    let marker: Marker = item.parse().ok()?;
    (marker.kind == KIND).then_some(marker.id)
}
