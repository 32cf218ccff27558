//! The place of a tool call among the parts of its message.
//!
//! Messages hold calls apart from their parts, which is enough where calls come last. Some APIs
//! refuse an answer whose reasoning and calls come back in another order. There an opaque part
//! stands in the place of each call that parts follow. It is ours, and never sent as it is.

#[cfg(feature = "http-client")]
use conversation_types::Part;
use conversation_types::RawJson;
use serde::{Deserialize, Serialize};

const KIND: &str = "tool_call_position";

/// The type of an item that names an answer which the provider keeps. It is never sent.
pub(crate) const CHAIN_KIND: &str = "response_chain";

/// The type of such an item, at every API that has them.
const COMPACTION: &str = "compaction";

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

/// Returns whether an item stands for earlier messages that its API has compacted, which it signs like
/// reasoning.
pub(super) fn is_compaction(item: &RawJson) -> bool {
    #[derive(Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: String,
    }
    item.parse::<Typed>()
        .is_ok_and(|item| item.kind == COMPACTION)
}

/// What an opaque item is.
#[derive(Debug)]
pub(super) enum ItemKind {
    /// It goes back to its API as it is.
    Verbatim,
    /// It stands in the place of the call of this id.
    Call(String),
    /// It says something to us alone.
    Ours,
}

/// Returns what an opaque item is.
pub(super) fn kind_of_item(item: &RawJson) -> ItemKind {
    let marker = match item.get().len() > MAX_LEN {
        true => None,
        false => item.parse::<Marker>().ok(),
    };
    match marker {
        Some(marker) if marker.kind == KIND => ItemKind::Call(marker.id),
        Some(marker) if marker.kind == CHAIN_KIND => ItemKind::Ours,
        _ => ItemKind::Verbatim,
    }
}
