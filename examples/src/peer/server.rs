//! Routes, keys and limits of the peer.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use serde_json::{Map, Value};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::form::Form;
use super::payload::BODY_LIMIT;
use super::refusal::Refusal;
use super::response::json_response;
use super::{anthropic, chat, images};

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
        .route("/v1/images/edits", post(images_edits))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&shared), check_key))
        .merge(messages_router(&shared))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
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

/// Anthropic's API, which has a header of its own for the key and a form of its own for errors.
fn messages_router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    Router::new()
        .route("/v1/messages", post(messages))
        .layer(from_fn_with_state(
            Arc::clone(shared),
            check_anthropic_headers,
        ))
}

async fn check_anthropic_headers(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    let key = headers.get("x-api-key").map(HeaderValue::as_bytes);
    if key != Some(shared.key.as_bytes()) {
        return anthropic::refuse(Refusal::unauthorized());
    }
    if !headers.contains_key("anthropic-version") {
        return anthropic::refuse(Refusal::invalid("anthropic-version: header is required"));
    }
    next.run(request).await
}

async fn messages(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let body = read(request.into_body());
    let answer = shared.work(body, |body| anthropic::answer(&parse(&body)?));
    answer
        .await
        .map_or_else(anthropic::refuse, IntoResponse::into_response)
}

async fn chat_completions(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Refusal> {
    let body = read(request.into_body());
    let answer = shared.work(body, |body| chat::complete(&parse(&body)?.into()));
    Ok(answer.await?.into_response())
}

async fn images_generations(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Refusal> {
    let body = read(request.into_body());
    let answer = shared.work(body, |body| images::generate(&parse(&body)?));
    Ok(json_response(answer.await?))
}

async fn images_edits(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Response, Refusal> {
    let answer = shared.work(Form::read(request), |form| images::edit(&form));
    Ok(json_response(answer.await?))
}

impl Shared {
    /// Reads what was sent, in its turn, and answers it on a thread that may block.
    async fn work<B: Send + 'static, T: Send + 'static>(
        &self,
        sent: impl Future<Output = Result<B, Refusal>>,
        answer: impl FnOnce(B) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let stopped = |_| Refusal::internal("the peer is stopping");
        let _turn = self.turns.acquire().await.map_err(stopped)?;
        let sent = sent.await?;
        let answered = tokio::task::spawn_blocking(move || answer(sent)).await;
        answered.unwrap_or_else(|_| Err(Refusal::internal("the peer failed at this request")))
    }
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

fn parse(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::invalid("The request body is not a JSON object.")),
        Err(error) => Err(Refusal::invalid(format!(
            "We could not parse the JSON body of your request: line {}, column {}.",
            error.line(),
            error.column()
        ))),
    }
}

async fn unknown_path(method: Method, uri: Uri) -> Refusal {
    Refusal::unknown_path(method.as_str(), uri.path())
}

async fn wrong_method(method: Method, uri: Uri) -> Refusal {
    Refusal::wrong_method(method.as_str(), uri.path())
}

#[cfg(test)]
mod tests;
