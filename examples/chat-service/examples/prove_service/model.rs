//! The server of the model: it answers by what a message asks for, and writes down what it was asked.
//!
//! A message contains a mark such as `[m7.3 words=40 pause=10]`. The answer has that number of words, with
//! that number of milliseconds after each; with `paint` in the mark it asks for an image first.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::{StreamExt as _, stream};
use media_types::base64;
use memchr::memmem;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::Failure;
use crate::http::noise;

/// The key that requests carry.
pub(crate) const KEY: &str = "key-of-the-proof";

/// What the server was asked for a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Requests that began to answer the message.
    pub(crate) first_rounds: usize,
    /// SHA-256 of the image that was made for it.
    pub(crate) image: Option<String>,
}

/// The running server. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model(Arc<Mutex<HashMap<String, Asked>>>);

impl Model {
    /// Starts the server and returns it with its base URL.
    pub(crate) async fn start() -> Result<(Self, String), Failure> {
        let model = Self::default();
        let routes = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/images/generations", post(generate))
            .layer(DefaultBodyLimit::disable())
            .with_state(model.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/v1", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok((model, url))
    }

    /// Returns what was asked, by marks.
    pub(crate) fn asked(&self) -> HashMap<String, Asked> {
        self.log().clone()
    }

    fn log(&self) -> std::sync::MutexGuard<'_, HashMap<String, Asked>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message as the server understands it.
struct Mark {
    name: String,
    words: usize,
    pause: Duration,
    paints: bool,
}

/// Returns the last mark in a body, and what follows it.
fn last_mark(body: &[u8]) -> Option<(Mark, &[u8])> {
    let start = memmem::rfind(body, b"[m")?;
    let rest = &body[start + 1..];
    let end = memchr::memchr(b']', rest)?;
    let text = std::str::from_utf8(&rest[..end]).ok()?;
    let mut words = text.split(' ');
    let mut mark = Mark {
        name: words.next()?.to_owned(),
        words: 1,
        pause: Duration::ZERO,
        paints: false,
    };
    for word in words {
        match word.split_once('=') {
            Some(("words", count)) => mark.words = count.parse().ok()?,
            Some(("pause", ms)) => mark.pause = Duration::from_millis(ms.parse().ok()?),
            _ => mark.paints |= word == "paint",
        }
    }
    Some((mark, &rest[end..]))
}

/// Returns the text that the server answers a message with.
pub(crate) fn answer(mark: &str, words: usize) -> String {
    words_of(mark, words).concat()
}

fn words_of(mark: &str, words: usize) -> Vec<String> {
    let mut all = vec![format!("Answer to {mark}:")];
    all.extend((0..words).map(|number| format!(" word{number}")));
    all.push(format!(" end of {mark}."));
    all
}

async fn complete(State(model): State<Model>, body: Bytes) -> Response {
    let Some((mark, rest)) = last_mark(&body) else {
        return (StatusCode::BAD_REQUEST, "no mark").into_response();
    };
    let has_result = memmem::find(rest, b"\"role\":\"tool\"").is_some();
    if !has_result {
        model
            .log()
            .entry(mark.name.clone())
            .or_default()
            .first_rounds += 1;
    }
    let mut events = Vec::new();
    if mark.paints && !has_result {
        let arguments = json!({"prompt": format!("A painting for ({})", mark.name)}).to_string();
        let call = json!({"tool_calls": [{"index": 0, "id": format!("call_{}", mark.name),
            "type": "function", "function": {"name": "generate_image", "arguments": arguments}}]});
        events.push(chunk(&call, None));
        events.push(chunk(&json!({}), Some("tool_calls")));
    } else {
        for word in words_of(&mark.name, mark.words) {
            events.push(chunk(&json!({"content": word}), None));
        }
        events.push(chunk(&json!({}), Some("stop")));
    }
    events.push("data: [DONE]\n\n".to_owned());
    let pause = mark.pause;
    let events = stream::iter(events).then(move |event| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(event)
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    (kind, Body::from_stream(events)).into_response()
}

fn chunk(delta: &Value, finish: Option<&str>) -> String {
    let event = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
        "model": "mock", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    format!("data: {event}\n\n")
}

async fn generate(State(model): State<Model>, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let prompt = body["prompt"].as_str().unwrap_or_default();
    let name = prompt
        .rsplit('(')
        .next()
        .and_then(|rest| rest.split(')').next());
    let name = name.unwrap_or_default().to_owned();
    // Large enough to be stored beside the message.
    let seed = name.bytes().fold(7_u64, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let image = noise(seed, 190);
    let sum: String = hex(&Sha256::digest(&image));
    model.log().entry(name).or_default().image = Some(sum);
    let encoded = base64::encode(&image);
    let answer = json!({"created": 1, "data": [{"b64_json": encoded}]});
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, answer.to_string()).into_response()
}

/// Returns bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
