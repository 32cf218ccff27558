//! Asking a provider and taking its answer apart.
#![allow(clippy::panic, reason = "helpers of tests")]

use conversation_providers::{
    Completion, MediaContext, Provider, ProviderError, ProviderRequest, ResponseEvent, ResponseMode,
};
use conversation_types::Message;
use futures_util::StreamExt;
use serde_json::Value;

pub(crate) type Events = Vec<Result<ResponseEvent, ProviderError>>;

pub(crate) async fn events(
    provider: &dyn Provider,
    messages: &[Message],
    mode: ResponseMode,
) -> Result<Events, ProviderError> {
    let request = ProviderRequest::new(messages).with_mode(mode);
    let response = provider.complete(request, &MediaContext::default()).await?;
    Ok(response.into_events().collect().await)
}

/// The answer to a request in one of both modes.
pub(crate) async fn ask(
    provider: &dyn Provider,
    messages: &[Message],
    mode: ResponseMode,
) -> Result<Completion, ProviderError> {
    ask_with(provider, ProviderRequest::new(messages).with_mode(mode)).await
}

pub(crate) async fn ask_with(
    provider: &dyn Provider,
    request: ProviderRequest<'_>,
) -> Result<Completion, ProviderError> {
    let response = provider.complete(request, &MediaContext::default()).await?;
    let events: Events = response.into_events().collect().await;
    match events.into_iter().last() {
        Some(Ok(ResponseEvent::Done(done))) => Ok(*done),
        Some(Err(error)) => Err(error),
        other => panic!("{other:?}"),
    }
}

/// The message that an answer becomes.
pub(crate) fn message_of(done: Completion) -> Message {
    Message::assistant(done.content).with_tool_calls(done.tool_calls)
}

/// The fields of an object.
pub(crate) fn fields(value: Value) -> serde_json::Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other}"),
    }
}

/// Where a stream is cut: after every byte where that is asked for, else after every seventh, which
/// takes a seventh of the time.
pub(crate) fn cuts(len: usize) -> impl Iterator<Item = usize> + Clone {
    let step = match std::env::var_os("MEDIA_EVERY_CUT") {
        Some(_) => 1,
        None => 7,
    };
    (0..len).step_by(step)
}
