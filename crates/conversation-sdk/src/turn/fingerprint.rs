//! What a message is recognized by when it comes again under the same idempotency key.

use conversation_events::ConversationError;
use conversation_types::Part;

use crate::core::Core;
use crate::options::TurnOptions;

/// Returns the fingerprint of a message and its options.
///
/// # Errors
/// `Media`, `Storage`: a file cannot be read.
pub(super) async fn fingerprint(
    core: &Core,
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
    let print = conversation_externalizer::fingerprint(parts, &settings, &core.loader);
    Ok(print.await?)
}
