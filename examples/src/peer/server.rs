//! Routes, keys and limits of the peer.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::refusal::Refusal;
use super::{chat, images};

/// The largest request body: room for several photos of 20 MB as base64, and for those of earlier turns.
pub const BODY_LIMIT: usize = 256 * 1024 * 1024;

/// Requests that are worked on at the same time; others wait. Bounds the memory for bodies and images.
const AT_ONCE: usize = 4;

struct Shared {
    key: String,
    turns: Semaphore,
}

/// Serves requests that carry `Authorization: Bearer <key>`, until `stop` completes.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    key: impl Into<String>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let shared = Arc::new(Shared {
        key: key.into(),
        turns: Semaphore::new(AT_ONCE),
    });
    let app = Router::new()
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/images/generations", post(images_generations))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&shared), check_key))
        .with_state(shared);
    axum::serve(listener, app)
        .with_graceful_shutdown(stop)
        .await
}

async fn check_key(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let key = given.and_then(|value| value.strip_prefix("Bearer "));
    if key == Some(shared.key.as_str()) {
        next.run(request).await
    } else {
        Refusal::unauthorized().into_response()
    }
}

async fn chat_completions(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Refusal> {
    let answer = work(&shared, request, |body| chat::complete(&body)).await?;
    Ok(answer.into_response())
}

async fn images_generations(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Refusal> {
    let answer = work(&shared, request, |body| images::generate(&body)).await?;
    Ok(json_response(answer))
}

/// Reads the body and answers it on a thread that may block.
async fn work<T: Send + 'static>(
    shared: &Shared,
    request: Request,
    answer: impl FnOnce(Value) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let stopped = |_| Refusal::internal("the peer is stopping");
    let _turn = shared.turns.acquire().await.map_err(stopped)?;
    let body = read(request.into_body()).await?;
    let answered = tokio::task::spawn_blocking(move || answer(parse(&body)?)).await;
    answered.unwrap_or_else(|_| Err(Refusal::internal("the peer failed at this request")))
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    to_bytes(body, BODY_LIMIT).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        let too_large = source.is_some_and(|source| source.to_string().contains("length limit"));
        if too_large {
            Refusal::too_large(BODY_LIMIT)
        } else {
            Refusal::invalid("The request body was cut off.")
        }
    })
}

fn parse(body: &[u8]) -> Result<Value, Refusal> {
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Refusal::invalid("The request body is not a JSON object.")),
        Err(error) => Err(Refusal::invalid(format!(
            "We could not parse the JSON body of your request: line {}, column {}.",
            error.line(),
            error.column()
        ))),
    }
}

pub(super) fn json_response(value: impl Into<Bytes>) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        Body::from(value.into()),
    )
        .into_response()
}

async fn unknown_path(method: Method, uri: Uri) -> Refusal {
    Refusal::unknown_path(method.as_str(), uri.path())
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    Refusal::wrong_method(method.as_str(), uri.path())
}

#[cfg(test)]
mod tests;
