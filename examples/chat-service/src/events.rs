//! A turn as server-sent events.
//!
//! Each event has the position after it as its id. A browser that lost the connection asks again with
//! `Last-Event-ID` and gets what it has not seen.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use conversation_sdk::{ConversationError, TurnEvent, TurnEvents};
use futures_util::stream;
use serde_json::json;

/// Returns a response that ends with the turn. Dropping it leaves the turn running.
pub(crate) fn response(events: TurnEvents) -> Response {
    let lines = stream::unfold(Some(events), |events| async move {
        let mut events = events?;
        let event = events.next().await?;
        let line = line(&events, &event);
        let rest = event.is_ok().then_some(events);
        Some((Ok::<_, Infallible>(line), rest))
    });
    let mut response = Body::from_stream(lines).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn line(events: &TurnEvents, event: &Result<TurnEvent, ConversationError>) -> String {
    let data = match event {
        Ok(event) => serde_json::to_string(event),
        Err(error) => serde_json::to_string(&json!({"type": "error", "data": error})),
    };
    // Everything that a turn tells serializes; a client that gets this reloads the history.
    let data = data.unwrap_or_else(|_| r#"{"type":"unknown"}"#.to_owned());
    format!("id: {}\ndata: {data}\n\n", events.position())
}
