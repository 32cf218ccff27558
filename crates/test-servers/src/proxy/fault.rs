//! Faults of requests.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;

/// Fault of one request.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// No fault.
    Pass,
    /// The connection is reset; the server never receives the request.
    ResetBeforeForward,
    /// The server carries the request out; the client's connection is reset instead of a response.
    DropResponse,
    /// The client gets this response; the server never receives the request.
    Answer(Answer),
    /// The server carries the request out; the client gets this response instead of the server's.
    AnswerAfterForward(Answer),
    /// The client gets this response at once; the request is forwarded when the gate is released. See
    /// [`Fault::HoldRequest`].
    AnswerThenForward(Answer, Gate),
    /// There is no response, and the server never receives the request.
    Hang,
    /// The request is forwarded when the gate is released, even if the client has gone by then. Bodies
    /// are kept in memory, up to 64 MiB; a request with a longer one is reset.
    HoldRequest(Gate),
    /// The server carries the request out at once; the response is forwarded when the gate is
    /// released.
    HoldResponse(Gate),
    /// The request is forwarded after this time, even if the client has gone by then; see
    /// [`Fault::HoldRequest`].
    DelayRequest(Duration),
    /// The server carries the request out at once; the response is forwarded after this time.
    DelayResponse(Duration),
    /// The body of the response is truncated to this number of bytes, and the connection closed.
    TruncateResponse(u64),
    /// The body of the request is truncated to this number of bytes, and both connections closed.
    TruncateRequest(u64),
    /// The body of the response is throttled to this number of bytes a second.
    SlowResponse(u64),
    /// The body of the request is throttled to this number of bytes a second.
    SlowRequest(u64),
}

impl Fault {
    /// Returns [`Fault::Answer`] with a status; an invalid status becomes 500.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Answer(Answer::new(status))
    }

    /// Returns [`Fault::AnswerAfterForward`] with a status.
    #[must_use]
    pub fn status_after_forward(status: u16) -> Self {
        Self::AnswerAfterForward(Answer::new(status))
    }

    /// Returns the name of the fault in records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::ResetBeforeForward => "reset-before-forward",
            Self::DropResponse => "drop-response",
            Self::Answer(_) => "answer",
            Self::AnswerAfterForward(_) => "answer-after-forward",
            Self::AnswerThenForward(..) => "answer-then-forward",
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

/// A response of the proxy itself.
#[derive(Debug, Clone)]
#[must_use]
pub struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: Option<u32>,
    pub(super) code: Option<&'static str>,
}

impl Answer {
    /// Creates a response with a status and, from 400 on, an XML error as S3, GCS and Azure send it.
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

    /// Adds a `Retry-After` header, in seconds.
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Sets the error code, such as `NoSuchBucket`.
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

/// Holds requests until it is released, and signals their arrival. Clones share one gate.
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
    /// Creates a closed gate.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Arc::new(watch::Sender::new(GateState::default())),
        }
    }

    /// Releases held and later requests.
    pub fn release(&self) {
        self.state.send_modify(|state| state.open = true);
    }

    /// Waits until this number of requests has arrived at the gate.
    pub async fn reached(&self, requests: usize) {
        self.wait(|state| state.arrived >= requests).await;
    }

    /// Returns the number of requests that have arrived at the gate.
    #[must_use]
    pub fn arrived(&self) -> usize {
        self.state.borrow().arrived
    }

    pub(super) async fn pass(&self) {
        self.state.send_modify(|state| state.arrived += 1);
        self.wait(|state| state.open).await;
    }

    async fn wait(&self, holds: impl Fn(&GateState) -> bool + Send + Sync) {
        // Cannot fail: the sender lives as long as this gate.
        let _ = self.state.subscribe().wait_for(|state| holds(state)).await;
    }
}
