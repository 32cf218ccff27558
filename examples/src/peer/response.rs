//! Answers: JSON, and server-sent events.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;

pub(super) fn json_response(value: impl Into<Bytes>) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        Body::from(value.into()),
    )
        .into_response()
}

/// The events of a stream, each with its empty line.
pub(super) fn event_stream(events: Vec<String>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let events = events
        .into_iter()
        .map(|event| Ok::<_, Infallible>(Bytes::from(event)));
    let body = Body::from_stream(futures_util::stream::iter(events));
    (headers, body).into_response()
}

/// A text in pieces, as models give it.
pub(super) fn pieces(text: &str) -> Vec<String> {
    /// Characters in one piece.
    const PIECE: usize = 24;
    let letters: Vec<char> = text.chars().collect();
    letters
        .chunks(PIECE)
        .map(|piece| piece.iter().collect())
        .collect()
}
