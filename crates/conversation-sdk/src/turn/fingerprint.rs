//! What a message is recognized by when it comes again under the same idempotency key.

use conversation_events::{ConversationError, ConversationErrorKind as Kind};
use conversation_types::Part;
use media_types::{MediaContent, MediaSource};
use sha2::{Digest, Sha256};

use crate::options::TurnOptions;

/// From how many bytes of media on they are hashed beside the tasks of the runtime.
const LARGE: usize = 256 << 10;

/// Returns the fingerprint of a message and its options: of media it takes the bytes, or what
/// stands for them.
///
/// # Errors
/// `Closed` while the runtime shuts down.
pub(super) async fn fingerprint(
    parts: &[Part],
    options: &TurnOptions,
) -> Result<String, ConversationError> {
    let settings = serde_json::json!({
        "provider": options.provider,
        "model": options.model,
        "parameters": options.parameters,
        "tools": options.tools,
        "tool_choice": options.tool_choice,
        "response_format": options.response_format,
    })
    .to_string();
    let sizes = parts
        .iter()
        .map(|part| match part.as_media().map(MediaContent::source) {
            Some(MediaSource::Inline(bytes)) => bytes.len(),
            _ => 0,
        });
    if sizes.sum::<usize>() < LARGE {
        return Ok(hash(parts, &settings));
    }
    let parts = parts.to_vec();
    let hashing = tokio::task::spawn_blocking(move || hash(&parts, &settings));
    let hashed = hashing.await;
    hashed.map_err(|error| ConversationError::new(Kind::Closed).with_source(error))
}

fn hash(parts: &[Part], settings: &str) -> String {
    let mut hash = Sha256::new();
    let mut field = |kind: &str, bytes: &[u8]| {
        hash.update(kind.as_bytes());
        hash.update([0]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    for part in parts {
        match part {
            Part::Text(text) => field("text", text.text.as_bytes()),
            Part::Media(media) => media_field(media, &mut field),
            other => field("part", &serde_json::to_vec(other).unwrap_or_default()),
        }
    }
    field("options", settings.as_bytes());
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

fn media_field(media: &MediaContent, field: &mut impl FnMut(&str, &[u8])) {
    field("mime", media.mime().as_str().as_bytes());
    match media.source() {
        MediaSource::Inline(bytes) => field("bytes", &Sha256::digest(bytes)),
        MediaSource::Stored(reference) => match reference.sha256() {
            Some(hash) => field("bytes", hash.as_bytes()),
            None => field("reference", reference.id().as_bytes()),
        },
        MediaSource::File(path) => field("file", path.as_os_str().as_encoded_bytes()),
        MediaSource::Url(url) => field("url", url.as_str().as_bytes()),
        MediaSource::ProviderFile(file) => field("file_id", file.id().as_bytes()),
        _ => {}
    }
}
