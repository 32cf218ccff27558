//! The proxy as a server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::forward::{Shared, Way};
use super::record::{Exchange, Totals};
use super::script::Script;
use super::socket::Socket;
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

    /// Returns the first [`RECORDED`](super::RECORDED) requests since the start or the last [`FaultProxy::clear`], the
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
