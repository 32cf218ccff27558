//! Forwarding a request.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, EXPECT, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::body::{Limits, Passing, Towards};
use super::record::{Entry, Records};
use super::socket::Reset;
use super::{Answer, Fault, Gate, RequestHead, Script};

/// Maximum size of a held request, which waits in memory.
const HELD_AT_MOST: usize = 64 * 1024 * 1024;

/// State that all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    upstream: Mutex<SocketAddr>,
    script: Mutex<Script>,
    pub(super) records: Records,
}

impl Shared {
    pub(super) fn new(upstream: SocketAddr) -> Self {
        Self {
            upstream: Mutex::new(upstream),
            script: Mutex::new(Script::pass()),
            records: Records::new(),
        }
    }

    pub(super) fn set_script(&self, script: Script) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
    }

    pub(super) fn set_upstream(&self, upstream: SocketAddr) {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner) = upstream;
    }

    fn choose(&self, request: &RequestHead) -> Fault {
        // The script runs outside of the lock, since it may be slow or set another script.
        let script = self
            .script
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        script.choose(request)
    }

    fn upstream(&self) -> SocketAddr {
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection of a client, and its connection to the server.
#[derive(Debug)]
pub(super) struct Way {
    shared: Arc<Shared>,
    reset: Reset,
    upstream: tokio::sync::Mutex<Option<Upstream>>,
}

#[derive(Debug)]
struct Upstream {
    address: SocketAddr,
    sender: SendRequest<Passing>,
}

impl Way {
    pub(super) fn new(shared: Arc<Shared>, reset: Reset) -> Self {
        Self {
            shared,
            reset,
            upstream: tokio::sync::Mutex::default(),
        }
    }

    /// Serves a request. An error closes the client's connection without a response.
    pub(super) async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> io::Result<Response<Passing>> {
        let (parts, body) = request.into_parts();
        let head = RequestHead::new(&parts);
        let fault = self.shared.choose(&head);
        let entry = self.shared.records.begin(head, fault.name());
        let limits = match &fault {
            Fault::TruncateRequest(bytes) => cut(*bytes),
            Fault::SlowRequest(rate) => slow(*rate),
            _ => Limits::default(),
        };
        let body = Passing::new(body, Towards::Upstream, limits, &entry);
        let request = Request::from_parts(parts, body);
        match fault {
            Fault::Pass | Fault::SlowRequest(_) => {
                self.answer(request, &entry, Limits::default()).await
            }
            Fault::TruncateResponse(bytes) => self.answer(request, &entry, cut(bytes)).await,
            Fault::SlowResponse(rate) => self.answer(request, &entry, slow(rate)).await,
            Fault::TruncateRequest(_) => {
                let _ = self.forward(request, &entry).await;
                Err(self.broken())
            }
            Fault::ResetBeforeForward => Err(self.broken()),
            Fault::DropResponse => {
                self.forward_and_discard(request, &entry).await?;
                Err(self.broken())
            }
            Fault::Answer(answer) => {
                drain(request.into_body()).await?;
                Ok(made_up(&answer, &entry))
            }
            Fault::AnswerAfterForward(answer) => {
                self.forward_and_discard(request, &entry).await?;
                Ok(made_up(&answer, &entry))
            }
            Fault::AnswerThenForward(answer, gate) => {
                drop(self.later(request, &entry, Hold::Gate(gate)).await?);
                Ok(made_up(&answer, &entry))
            }
            Fault::Hang => {
                drain(request.into_body()).await?;
                // Ends when the client disconnects.
                std::future::pending().await
            }
            Fault::HoldRequest(gate) => self.late(request, &entry, Hold::Gate(gate)).await,
            Fault::DelayRequest(delay) => self.late(request, &entry, Hold::Delay(delay)).await,
            Fault::HoldResponse(gate) => {
                let response = self.answer(request, &entry, Limits::default()).await?;
                gate.pass().await;
                Ok(response)
            }
            Fault::DelayResponse(delay) => {
                let response = self.answer(request, &entry, Limits::default()).await?;
                tokio::time::sleep(delay).await;
                Ok(response)
            }
        }
    }

    fn broken(&self) -> io::Error {
        self.reset.store(true, Ordering::Relaxed);
        io::Error::other("reset by the proxy")
    }

    async fn answer(
        &self,
        request: Request<Passing>,
        entry: &Arc<Entry>,
        limits: Limits,
    ) -> io::Result<Response<Passing>> {
        let response = self.forward(request, entry).await?;
        Ok(passed_on(response, limits, entry))
    }

    async fn forward_and_discard(
        &self,
        request: Request<Passing>,
        entry: &Arc<Entry>,
    ) -> io::Result<()> {
        let mut body = self.forward(request, entry).await?.into_body();
        while let Some(frame) = body.frame().await {
            frame.map_err(io::Error::other)?;
        }
        Ok(())
    }

    async fn forward(
        &self,
        request: Request<Passing>,
        entry: &Arc<Entry>,
    ) -> io::Result<Response<Incoming>> {
        let mut upstream = self.upstream.lock().await;
        let address = self.shared.upstream();
        let mut request = for_upstream(request);
        let kept = upstream.take().filter(|kept| kept.address == address);
        if let Some(mut kept) = kept
            && kept.sender.ready().await.is_ok()
        {
            match kept.sender.try_send_request(request).await {
                Ok(response) => {
                    *upstream = Some(kept);
                    entry.upstream_answered(response.status());
                    return Ok(response);
                }
                // The server had closed the idle connection and did not receive this request.
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(io::Error::other(failed.into_error())),
                },
            }
        }
        let mut sender = connect(address).await?;
        let response = sender
            .send_request(request)
            .await
            .map_err(io::Error::other)?;
        *upstream = Some(Upstream { address, sender });
        entry.upstream_answered(response.status());
        Ok(response)
    }

    /// Receives the whole request and forwards it later, whether the client is still connected or not.
    async fn late(
        &self,
        request: Request<Passing>,
        entry: &Arc<Entry>,
        hold: Hold,
    ) -> io::Result<Response<Passing>> {
        let answered = self.later(request, entry, hold).await?;
        answered.await.map_err(io::Error::other)?
    }

    /// Receives the whole request, and forwards it in the background. Returns where the response will
    /// arrive.
    async fn later(
        &self,
        request: Request<Passing>,
        entry: &Arc<Entry>,
        hold: Hold,
    ) -> io::Result<oneshot::Receiver<io::Result<Response<Passing>>>> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, HELD_AT_MOST)
            .collect()
            .await
            .map_err(|_| self.broken())?
            .to_bytes();
        let (answer, answered) = oneshot::channel();
        let (shared, entry) = (Arc::clone(&self.shared), Arc::clone(entry));
        tokio::spawn(async move {
            hold.pass().await;
            let way = Self::new(shared, Reset::default());
            let body = Passing::whole(body, Towards::UpstreamLate, &entry);
            let response = way
                .forward(Request::from_parts(parts, body), &entry)
                .await
                .map(|response| passed_on(response, Limits::default(), &entry));
            if let Err(Ok(response)) = answer.send(response) {
                // The client has gone; the server's work is done only when it was read.
                let _ = drain(response.into_body()).await;
            }
        });
        Ok(answered)
    }
}

enum Hold {
    Gate(Gate),
    Delay(std::time::Duration),
}

impl Hold {
    async fn pass(&self) {
        match self {
            Self::Gate(gate) => gate.pass().await,
            Self::Delay(delay) => tokio::time::sleep(*delay).await,
        }
    }
}

fn cut(bytes: u64) -> Limits {
    Limits {
        cut_after: Some(bytes),
        ..Limits::default()
    }
}

fn slow(rate: u64) -> Limits {
    Limits {
        per_second: Some(rate),
        ..Limits::default()
    }
}

async fn connect(address: SocketAddr) -> io::Result<SendRequest<Passing>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn drain(mut body: Passing) -> io::Result<()> {
    while let Some(frame) = body.frame().await {
        frame?;
    }
    Ok(())
}

/// Removes the headers that concern the client's connection only.
fn for_upstream(mut request: Request<Passing>) -> Request<Passing> {
    strip(request.headers_mut());
    // Answered by the proxy, when the body was first polled.
    request.headers_mut().remove(EXPECT);
    request
}

fn passed_on(
    mut response: Response<Incoming>,
    limits: Limits,
    entry: &Arc<Entry>,
) -> Response<Passing> {
    strip(response.headers_mut());
    // A server with HTTP/1.0 must not close the client's connection.
    *response.version_mut() = Version::HTTP_11;
    entry.answered(response.status());
    response.map(|body| Passing::new(body, Towards::Client, limits, entry))
}

fn strip(headers: &mut HeaderMap) {
    headers.remove(CONNECTION);
    headers.remove("keep-alive");
}

fn made_up(answer: &Answer, entry: &Arc<Entry>) -> Response<Passing> {
    let body = Passing::whole(Bytes::from(answer.body()), Towards::Client, entry);
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    entry.answered(answer.status);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    if let Some(seconds) = answer.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
