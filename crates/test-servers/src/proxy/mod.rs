//! A proxy that breaks the way to a server: HTTP/1.1 in user space, in front of any of them.
//!
//! Every request is shown to a script, which chooses a [`Fault`] for it. Bodies stream through in
//! both directions with back-pressure, whatever their size and encoding (`aws-chunked` is passed on
//! as it is); connections are kept alive. Headers, `host` among them, are passed on unchanged, so
//! signatures stay valid. Every request is counted and, up to [`RECORDED`], recorded with the bytes
//! of the bodies that passed.
//!
//! A fault that follows from what was done upstream ([`Fault::DropResponse`],
//! [`Fault::AnswerAfterForward`], [`Fault::HoldResponse`]) lets the request take effect first, so
//! the server has done it and the client does not know.

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

/// A proxy in front of one server. It ends when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    listening: Listening,
    shared: Arc<Shared>,
}

impl FaultProxy {
    /// Starts a proxy in front of `upstream` that passes everything on.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(upstream: SocketAddr) -> Result<Self, ServerError> {
        Self::start_on(0, upstream).await
    }

    /// As [`FaultProxy::start`], on a port of 127.0.0.1.
    ///
    /// # Errors
    /// When the port cannot be had.
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

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// The URL for clients, without a slash at its end.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Chooses the faults of all requests that come from now on. A closure will do: it is given the
    /// request and how many came before it under this script.
    pub fn set_script(&self, script: impl Into<Script>) {
        self.shared.set_script(script.into());
    }

    /// Sends requests to another server from now on, on new connections.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.set_upstream(upstream);
    }

    /// The requests since the start or the last [`FaultProxy::clear`], oldest first; the first
    /// [`RECORDED`] of them.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.records.exchanges()
    }

    /// Counts since the start or the last [`FaultProxy::clear`].
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.shared.records.totals()
    }

    /// Forgets what was recorded and counted.
    pub fn clear(&self) {
        self.shared.records.clear();
    }

    /// Waits until no request is under way, those that were sent on after their client went
    /// included. `false` when that took longer than `limit`.
    pub async fn idle(&self, limit: Duration) -> bool {
        self.shared.records.idle(limit).await
    }

    /// Stops listening and ends all connections.
    pub fn stop(self) {
        drop(self);
    }
}
