//! An HTTP/1.1 proxy that injects faults, in front of any server.
//!
//! A script chooses a [`Fault`] for each request. Bodies are streamed in both directions with
//! backpressure, whatever their size and encoding (`aws-chunked` is forwarded as it is), and
//! connections are kept alive. Headers, including `host`, are forwarded unchanged, so that signatures
//! remain valid. Every request is counted and, up to [`RECORDED`], recorded with the number of bytes
//! of its bodies.
//!
//! Faults of responses ([`Fault::DropResponse`], [`Fault::AnswerAfterForward`],
//! [`Fault::HoldResponse`]) let the server carry out the request first, without the client knowing.

mod body;
mod fault;
mod forward;
mod record;
mod script;
mod socket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

pub use fault::{Answer, Fault, Gate};
use forward::{Shared, Way};
pub use record::{Exchange, RECORDED, RequestHead, Totals};
pub use script::{RequestPattern, Script};
use socket::Socket;

use crate::ServerError;
use crate::listening::Listening;

/// A proxy in front of one server. It stops when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    listening: Listening,
    shared: Arc<Shared>,
}

impl FaultProxy {
    /// Starts a proxy in front of `upstream` that forwards everything.
    ///
    /// # Errors
    /// No port is available.
    pub async fn start(upstream: SocketAddr) -> Result<Self, ServerError> {
        Self::start_on(0, upstream).await
    }

    /// Starts a proxy on a port of 127.0.0.1.
    ///
    /// # Errors
    /// The port is not available.
    pub async fn start_on(port: u16, upstream: SocketAddr) -> Result<Self, ServerError> {
        let shared = Arc::new(Shared::new(upstream));
        let serving = Arc::clone(&shared);
        let listening = Listening::start(port, move |stream| {
            let (socket, reset) = Socket::new(stream);
            let way = Arc::new(Way::new(Arc::clone(&serving), reset));
            async move {
                let service = service_fn(move |request| Arc::clone(&way).handle(request));
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            }
        })
        .await?;
        Ok(Self { listening, shared })
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// Returns the URL for clients, without a trailing slash.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Sets the script for all later requests. A closure can be a script: it gets the request and the
    /// number of earlier requests under this script.
    pub fn set_script(&self, script: impl Into<Script>) {
        self.shared.set_script(script.into());
    }

    /// Forwards later requests to another server, on new connections.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.set_upstream(upstream);
    }

    /// Returns the first [`RECORDED`] requests since the start or the last [`FaultProxy::clear`], the
    /// oldest first.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.records.exchanges()
    }

    /// Returns the counts since the start or the last [`FaultProxy::clear`].
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.shared.records.totals()
    }

    /// Resets records and counts.
    pub fn clear(&self) {
        self.shared.records.clear();
    }

    /// Waits until no request is in progress, including those whose client has gone. Returns `false`
    /// if this takes longer than `limit`.
    pub async fn idle(&self, limit: Duration) -> bool {
        self.shared.records.idle(limit).await
    }

    /// Stops listening and closes all connections.
    pub fn stop(self) {
        drop(self);
    }
}
