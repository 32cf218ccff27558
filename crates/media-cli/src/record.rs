//! How one stored reference is written, as JSON and for people.

use chrono::{DateTime, Utc};
use media_storage::Entry;
use serde::Serialize;

use crate::output::escaped;
use crate::quantity::{exact_time, human_bytes, human_time};

/// An entry of a store as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct EntryRecord {
    id: String,
    backend: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<String>,
    mime_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    stored_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
}

impl From<&Entry> for EntryRecord {
    fn from(entry: &Entry) -> Self {
        let (reference, metadata) = (&entry.reference, &entry.metadata);
        Self {
            id: reference.id().to_owned(),
            backend: reference.backend().to_owned(),
            store: reference.store_name().map(str::to_owned),
            mime_type: entry.mime.to_string(),
            size: reference.size(),
            sha256: reference.sha256().map(|sha256| sha256.to_string()),
            stored_at: exact_time(entry.stored_at),
            expires_at: entry.expires_at.map(exact_time),
            retention: metadata.retention().map(|retention| retention.to_string()),
            user: metadata.user().map(|id| id.as_str().to_owned()),
            session: metadata.session().map(|id| id.as_str().to_owned()),
            conversation: metadata.conversation().map(|id| id.as_str().to_owned()),
            run: metadata.run().map(|id| id.as_str().to_owned()),
            message_index: metadata.message_index(),
            content_index: metadata.content_index(),
            created_at: metadata.created_at().map(exact_time),
            filename: metadata.filename().map(str::to_owned),
            provider: metadata.provider().map(str::to_owned),
        }
    }
}

/// Returns an entry as one line for people: time, size, type, what becomes of it, id.
pub(crate) fn entry_line(entry: &Entry, now: DateTime<Utc>) -> String {
    let size = entry
        .reference
        .size()
        .map_or_else(|| "?".to_owned(), human_bytes);
    let fate = match entry.expires_at {
        Some(at) if at <= now => "expired".to_owned(),
        Some(at) => format!("until {}", human_time(at)),
        None => String::new(),
    };
    format!(
        "{}  {size:>9}  {:<16}  {fate:<22}  {}",
        human_time(entry.stored_at),
        entry.mime.to_string(),
        escaped(entry.reference.id())
    )
}
