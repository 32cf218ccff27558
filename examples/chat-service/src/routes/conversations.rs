//! Conversations: start, list, read, delete.

use axum::extract::{Path, State};
use axum::response::Response;
use conversation_sdk::{Start, ViewOptions, Window};
use media_types::ConversationId;
use serde_json::json;

use super::json;
use crate::app::App;
use crate::error::ApiError;
use crate::user::User;

const INSTRUCTIONS: &str =
    "You are a helpful assistant. Generate an image when the user asks for one.";

/// Turns that a page shows.
const SHOWN: usize = 50;
/// Longest side of the images in it, in pixels; a click opens the original.
const THUMBNAIL: u32 = 640;

pub(super) async fn start(State(app): State<App>, user: User) -> Result<Response, ApiError> {
    let start = Start::new()
        .with_system(INSTRUCTIONS)
        .with_user(user.0.as_str());
    let conversation = app.manager().start(start).await?;
    json(&json!({"id": conversation.id()}))
}

pub(super) async fn list(State(app): State<App>, user: User) -> Result<Response, ApiError> {
    let records = app.manager().conversations(user.0.as_str()).await?;
    let shown: Vec<_> = records
        .iter()
        .filter(|record| record.message_count > 0)
        .map(|record| {
            json!({"id": record.id, "title": record.title, "updated_at": record.updated_at})
        })
        .collect();
    json(&json!({ "conversations": shown }))
}

pub(super) async fn view(
    State(app): State<App>,
    user: User,
    Path(id): Path<ConversationId>,
) -> Result<Response, ApiError> {
    let conversation = app.manager().resume(&id, user.owner()).await?;
    let window = Window::NewestTurns(SHOWN);
    let options = ViewOptions::new().with_thumbnails(THUMBNAIL);
    let view = conversation.view(window, &options).await?;
    let running = conversation.record().await?.current_turn;
    json(&json!({"view": view, "running": running}))
}

pub(super) async fn remove(
    State(app): State<App>,
    user: User,
    Path(id): Path<ConversationId>,
) -> Result<Response, ApiError> {
    json(&app.manager().delete_conversation(&id, user.owner()).await?)
}
