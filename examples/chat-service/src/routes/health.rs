//! What the platform asks.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use conversation_sdk::ConversationFilter;
use media_types::readable::causes;

use crate::app::App;

/// Whether the process serves requests at all.
pub(super) async fn alive() -> &'static str {
    "ok"
}

/// Whether the state can be read: 503 otherwise, and while the service stops.
pub(super) async fn ready(State(app): State<App>) -> Response {
    let filter = ConversationFilter::new().with_limit(1);
    match app.manager().find_conversations(&filter).await {
        Ok(_) => "ok".into_response(),
        Err(error) => {
            tracing::warn!(error = %causes(&error), "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready").into_response()
        }
    }
}
