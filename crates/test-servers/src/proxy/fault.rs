//! What can happen to a request.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;

/// What happens to one request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    Pass,
    /// The connection is reset; the server never hears of the request.
    ResetBeforeForward,
    /// The server does it and answers; the client's connection is reset instead.
    DropResponse,
    /// The client gets this answer; the server never hears of the request.
    Answer(Answer),
    /// The server does it; the client gets this answer instead of the server's.
    AnswerAfterForward(Answer),
    /// No answer comes, and the server never hears of the request.
    Hang,
    /// The request goes on when the gate is released, even if the client has gone by then. Bodies
    /// up to 64 MiB, which wait in memory; a longer one is reset.
    HoldRequest(Gate),
    /// The server does it at once; its answer goes on when the gate is released.
    HoldResponse(Gate),
    /// The request goes on after this long, even if the client has gone by then; as
    /// [`Fault::HoldRequest`].
    DelayRequest(Duration),
    /// The server does it at once; its answer goes on after this long.
    DelayResponse(Duration),
    /// The answer's body ends after so many bytes and the connection closes, short of the length
    /// that was announced.
    TruncateResponse(u64),
    /// The request's body ends after so many bytes and both connections close.
    TruncateRequest(u64),
    /// The answer's body passes with so many bytes a second.
    SlowResponse(u64),
    /// The request's body passes with so many bytes a second.
    SlowRequest(u64),
}

impl Fault {
    /// [`Fault::Answer`] with a status; one that is no HTTP status counts as 500.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer(Answer::new(status))
    }

    /// [`Fault::AnswerAfterForward`] with a status.
    #[must_use]
    pub fn status_after_forward(status: u16) -> Self {
        Self::AnswerAfterForward(Answer::new(status))
    }

    /// The name of the kind, for records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::ResetBeforeForward => "reset-before-forward",
            Self::DropResponse => "drop-response",
            Self::Answer(_) => "answer",
            Self::AnswerAfterForward(_) => "answer-after-forward",
            Self::Hang => "hang",
            Self::HoldRequest(_) => "hold-request",
            Self::HoldResponse(_) => "hold-response",
            Self::DelayRequest(_) => "delay-request",
            Self::DelayResponse(_) => "delay-response",
            Self::TruncateResponse(_) => "truncate-response",
            Self::TruncateRequest(_) => "truncate-request",
            Self::SlowResponse(_) => "slow-response",
            Self::SlowRequest(_) => "slow-request",
        }
    }
}

/// An answer that the proxy makes up.
#[derive(Debug, Clone)]
#[must_use]
pub struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<u32>,
    pub(super) code: Option<&'static str>,
}

impl Answer {
    /// An answer with a status and, from 400 on, the XML error that S3, GCS and Azure would send
    /// with it.
    pub fn new(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let code = match status.as_u16() {
            403 => Some("AccessDenied"),
            404 => Some("NoSuchKey"),
            409 => Some("ConditionalRequestConflict"),
            412 => Some("PreconditionFailed"),
            429 | 503 => Some("SlowDown"),
            400.. => Some("InternalError"),
            _ => None,
        };
        Self {
            status,
            retry_after: None,
            code,
        }
    }

    /// A `Retry-After` header, in seconds.
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Another error code, as `NoSuchBucket`.
    pub fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(super) fn body(&self) -> String {
        self.code.map_or_else(String::new, |code| {
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code>\
                 <Message>made up by the proxy</Message></Error>"
            )
        })
    }
}

/// Holds requests until it is released, and tells when one has come. Clones are one gate.
#[derive(Debug, Clone)]
pub struct Gate {
    state: Arc<watch::Sender<GateState>>,
}

#[derive(Debug, Default)]
struct GateState {
    arrived: usize,
    open: bool,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A gate that is closed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(GateState::default())),
        }
    }

    /// Lets through what waits and what comes later.
    pub fn release(&self) {
        self.state.send_modify(|state| state.open = true);
    }

    /// Waits until so many requests have come to the gate.
    pub async fn reached(&self, requests: usize) {
        self.wait(|state| state.arrived >= requests).await;
    }

    /// How many requests have come to the gate.
    #[must_use]
    pub fn arrived(&self) -> usize {
        self.state.borrow().arrived
    }

    pub(super) async fn pass(&self) {
        self.state.send_modify(|state| state.arrived += 1);
        self.wait(|state| state.open).await;
    }

    async fn wait(&self, holds: impl Fn(&GateState) -> bool + Send + Sync) {
        // Ends only with what is waited for: the sender lives as long as this gate.
        let _ = self.state.subscribe().wait_for(|state| holds(state)).await;
    }
}
