//! What a message is recognized by when it comes again under the same idempotency key.

use conversation_externalizer::Fingerprint;

use super::job::TurnJob;
use super::turn::TurnScope;

/// Returns the fingerprint of the message of a new turn and its options, where it has an idempotency key.
pub(super) async fn fingerprint(scope: &TurnScope, job: &TurnJob) -> Option<Fingerprint> {
    let options = &scope.options;
    let (TurnJob::New { message, .. }, Some(_)) = (job, &options.idempotency_key) else {
        return None;
    };
    let settings = serde_json::json!({
        "provider": options.provider,
        "model": options.model,
        "parameters": options.parameters,
        "tools": options.tools,
        "tool_choice": options.tool_choice,
        "response_format": options.response_format,
    })
    .to_string();
    Some(Fingerprint::of(&message.content, &settings, &scope.core.loader).await)
}
