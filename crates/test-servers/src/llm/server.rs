//! The server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::api::LlmApi;
use super::given::Given;
use crate::error::ServerError;
use crate::listening::Listening;

/// Largest request, in bytes.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// An API on the loopback interface that judges every request, until it is dropped.
#[derive(Debug)]
pub struct LlmServer {
    listening: Listening,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    api: LlmApi,
    stream: String,
    given: Given,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How much of the stream the next request gets.
    next: Option<usize>,
    accepted: usize,
    refusals: Vec<String>,
}

impl LlmServer {
    /// Starts an API whose model gives this stream of server-sent events when it is told to, and one
    /// word else.
    ///
    /// # Errors
    /// No socket.
    pub async fn start(api: LlmApi, stream: impl Into<String>) -> Result<Self, ServerError> {
        let stream = stream.into();
        let shared = Arc::new(Shared {
            api,
            given: Given::of(&stream),
            stream,
            state: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        let listening = Listening::start(0, move |socket| {
            let shared = Arc::clone(&served);
            async move {
                // A client that goes away is its own affair.
                let _ = shared.serve(socket).await;
            }
        })
        .await?;
        Ok(Self { listening, shared })
    }

    /// Returns the base URL, with the version that clients of the API expect in it.
    pub fn url(&self) -> String {
        let version = match self.shared.api {
            LlmApi::Gemini => "v1beta",
            _ => "v1",
        };
        format!("http://{}/{version}", self.listening.address())
    }

    /// Returns the length of the stream, in bytes.
    pub fn stream_len(&self) -> usize {
        self.shared.stream.len()
    }

    /// Answers the next request that is accepted with so many bytes of the stream, and closes the
    /// connection behind them.
    pub fn stream_next(&self, bytes: usize) {
        self.shared.state().next = Some(bytes);
    }

    /// Returns the number of requests that were accepted.
    pub fn accepted(&self) -> usize {
        self.shared.state().accepted
    }

    /// Returns why requests were refused, in order.
    pub fn refusals(&self) -> Vec<String> {
        self.shared.state().refusals.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, socket: TcpStream) -> std::io::Result<()> {
        let mut socket = BufReader::new(socket);
        let (mut len, mut deletes) = (0, false);
        loop {
            let mut line = String::new();
            if socket.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            deletes |= line.starts_with("DELETE ");
            if line.trim_end().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                len = value.trim().parse().unwrap_or(0);
            }
        }
        let mut body = vec![0; len.min(MAX_BODY)];
        socket.read_exact(&mut body).await?;
        // Nothing is kept here that could be deleted.
        let response = match deletes {
            true => b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
                .to_vec(),
            false => self.respond(&body),
        };
        socket.write_all(&response).await?;
        socket.shutdown().await
    }

    /// Judges a request and returns the whole response.
    fn respond(&self, body: &[u8]) -> Vec<u8> {
        let judged = match serde_json::from_slice::<Value>(body) {
            Ok(body) => self.api.check(&body, &self.given),
            Err(error) => Err(format!("the body is not JSON: {error}")),
        };
        let mut state = self.state();
        if let Err(broken) = judged {
            let answer = self.api.refusal(&broken).to_string();
            state.refusals.push(broken);
            return response(
                400,
                "application/json",
                Some(answer.len()),
                answer.as_bytes(),
            );
        }
        state.accepted += 1;
        match state.next.take() {
            Some(bytes) => {
                let stream = self.stream.as_bytes();
                let start = stream.get(..bytes).unwrap_or(stream);
                response(200, "text/event-stream", None, start)
            }
            None => {
                let answer = self.api.answer().to_string();
                response(
                    200,
                    "application/json",
                    Some(answer.len()),
                    answer.as_bytes(),
                )
            }
        }
    }
}

/// Returns a response; one without a length ends with the connection.
fn response(status: u16, content_type: &str, len: Option<usize>, body: &[u8]) -> Vec<u8> {
    let len = len.map_or_else(String::new, |len| format!("content-length: {len}\r\n"));
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-type: {content_type}\r\n{len}connection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}
