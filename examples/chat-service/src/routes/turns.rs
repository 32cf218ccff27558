//! Turns: begin, follow, stop.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use conversation_sdk::{EventPosition, TurnId, TurnOptions, UserMessage};
use media_types::{ConversationId, MediaContent, Mime, StorageReference};
use serde::Deserialize;

use crate::app::App;
use crate::error::ApiError;
use crate::events;
use crate::user::User;

/// What a user sends: text, and uploads by the references that they got.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMessage {
    #[serde(default)]
    text: String,
    #[serde(default)]
    media: Vec<UploadedItem>,
}

#[derive(Debug, Deserialize)]
struct UploadedItem {
    reference: StorageReference,
    mime_type: Mime,
    filename: Option<String>,
}

/// Begins a turn and answers with its events. `Idempotency-Key` makes a repeated request the same turn.
pub(super) async fn begin(
    State(app): State<App>,
    user: User,
    Path(id): Path<ConversationId>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let sent: NewMessage = serde_json::from_slice(&body)
        .map_err(|_| ApiError::bad_request("a message is {\"text\", \"media\": [...]}"))?;
    let mut message = UserMessage::from(sent.text);
    for item in sent.media {
        let mut content = MediaContent::from_reference(item.mime_type, item.reference);
        if let Some(name) = item.filename {
            content = content.with_filename(name);
        }
        message = message.with_part(content);
    }
    let mut options = TurnOptions::new();
    if let Some(key) = text(&headers, "idempotency-key") {
        options = options.with_idempotency_key(key);
    }
    let mut conversation = app.manager().resume(&id, user.owner()).await?;
    Ok(events::response(conversation.stream_with(message, options)))
}

/// Goes on with the events of a turn, on any node: after `Last-Event-ID`, else from the beginning.
pub(super) async fn follow(
    State(app): State<App>,
    user: User,
    Path((id, turn)): Path<(ConversationId, TurnId)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let conversation = app.manager().resume(&id, user.owner()).await?;
    let position = match text(&headers, "last-event-id") {
        Some(position) => position
            .parse()
            .ok()
            .filter(|position: &EventPosition| position.turn == turn)
            .ok_or_else(|| ApiError::bad_request("Last-Event-ID is not one of this turn"))?,
        None => EventPosition::start(turn),
    };
    Ok(events::response(conversation.attach(position)))
}

/// Stops a turn, on whichever node it runs. What has arrived of the answer is kept.
pub(super) async fn stop(
    State(app): State<App>,
    user: User,
    Path((id, turn)): Path<(ConversationId, TurnId)>,
) -> Result<StatusCode, ApiError> {
    app.manager().cancel_turn(&id, user.owner(), &turn).await?;
    Ok(StatusCode::ACCEPTED)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
