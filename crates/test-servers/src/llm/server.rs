//! The server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::api::LlmApi;
use super::files::Files;
use super::given::Given;
use super::http::{Request, json_response, response};
use crate::error::ServerError;
use crate::listening::Listening;

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
    files: Files,
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

    /// Returns the number of files that the API keeps.
    pub fn files(&self) -> usize {
        self.shared.state().files.len()
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
        let Some(request) = Request::read(&mut socket).await? else {
            return Ok(());
        };
        let about_files = self.state().files.answer(self.api, &request);
        let response = match about_files {
            Some(response) => response,
            // No answers are kept here that could be deleted.
            None if request.method == "DELETE" => json_response(404, &[], &json!({})),
            None => self.respond(&request),
        };
        socket.write_all(&response).await?;
        socket.shutdown().await
    }

    /// Judges a request and returns the whole response.
    fn respond(&self, request: &Request) -> Vec<u8> {
        let mut state = self.state();
        let judged = match serde_json::from_slice::<Value>(&request.body) {
            Ok(body) => {
                let judged = self.api.check(&body, &self.given);
                judged.and_then(|()| state.files.check(self.api, request, &body))
            }
            Err(error) => Err(format!("the body is not JSON: {error}")),
        };
        if let Err(broken) = judged {
            let answer = self.api.refusal(&broken);
            state.refusals.push(broken);
            return json_response(400, &[], &answer);
        }
        state.accepted += 1;
        match state.next.take() {
            Some(bytes) => {
                let stream = self.stream.as_bytes();
                let start = stream.get(..bytes).unwrap_or(stream);
                let headers = [("content-type", "text/event-stream")];
                response(200, &headers, None, start)
            }
            None => json_response(200, &[], &self.api.answer()),
        }
    }
}
